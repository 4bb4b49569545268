// Memory from the command line: on a server, and told by a model after runs.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/files.h"
#include "tests/support/postgres_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::string turn_line(int id, const std::string& text) {
  return dump_json({{"session", "s"}, {"id", std::to_string(id)}, {"speaker", "Ann"},
                    {"when", "2026-03-04T05:06:0" + std::to_string(id) + "Z"}, {"text", text}}) +
         "\n";
}

}  // namespace

TEST_CASE("the memory commands work on a server's store as on a folder's") {
  PostgresServer* server = PostgresServer::get();
  if (server == nullptr) {
    WARN("SKIP: " << PostgresServer::missing());
    return;
  }
  const Scene scene;
  const std::map<std::string, std::string> password = {{"PGPASSWORD", "s3cr3t-pw"}};
  const auto memory = [&](const std::string& store, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"memory", "--store", store});
    return scene.corvid(std::move(arguments), password);
  };
  const std::string folder = (scene.root() / "m").string();
  server->make_database("cli");
  server->make_database("copy");
  const std::string url = server->url("cli");
  const std::string talk = (scene.root() / "talk.jsonl").string();
  put(talk, turn_line(1, "the staging port is 8443") + turn_line(2, "my locker code is quokka-77") +
                turn_line(3, "we don't ship the parcel before Friday"));
  std::vector<std::string> contexts;
  for (const std::string& store : {folder, url}) {
    INFO(store);
    CHECK(memory(store, {"import", talk}).out.starts_with("3 stored"));
    CHECK(memory(store, {"import", talk}).out.starts_with("0 stored, 3 there already"));
    const ProcessResult found = memory(store, {"search", "which port does staging use", "--json"});
    CHECK(found.exit_code == 0);
    contexts.push_back(json_string(parse_json(found.out, "search"), "context"));
    CHECK(memory(store, {"forget", "--text", "quokka-77", "--yes"}).exit_code == 0);
    CHECK(memory(store, {"search", "quokka"}).out.find("quokka-77") == std::string::npos);
    const ProcessResult again = memory(store, {"import", talk});
    CHECK(again.out.starts_with("0 stored, 2 there already, 1 forgotten"));
    CHECK(memory(store, {"verify"}).exit_code == 0);
  }
  CHECK(contexts[0] == contexts[1]);
  CHECK(contexts[0].find("8443") != std::string::npos);

  // From one kind into the other and back.
  const ProcessResult lines = memory(url, {"export"});
  REQUIRE(lines.exit_code == 0);
  put(scene.root() / "export.jsonl", lines.out);
  const std::string file = (scene.root() / "export.jsonl").string();
  CHECK(memory(folder + "2", {"import", file}).exit_code == 0);
  CHECK(memory(folder + "2", {"export"}).out == lines.out);
  put(scene.root() / "export2.jsonl", memory(folder, {"export"}).out);
  CHECK(memory(server->url("copy"), {"import", (scene.root() / "export2.jsonl").string()})
            .exit_code == 0);
  CHECK(memory(server->url("copy"), {"export"}).out == memory(folder, {"export"}).out);

  // The configured store; its URL is shown without the password.
  std::string secret_url = url;
  secret_url.insert(secret_url.find("@/"), ":s3cr3t-pw");
  const auto config = scene.root() / "config" / "corvid" / "config.toml";
  put(config, "[memory]\nstore = \"" + secret_url + "\"\n");
  const std::map<std::string, std::string> here = {
      {"XDG_CONFIG_HOME", (scene.root() / "config").string()}};
  const ProcessResult doctor = scene.corvid({"doctor"}, here);
  CHECK(doctor.out.find("2 turns in postgresql://corvid@/cli?host=") != std::string::npos);
  CHECK((doctor.out + doctor.err).find("s3cr3t") == std::string::npos);
  put(config, "[memory]\nstore = \"postgresql://ann:s3cr3t-pw@127.0.0.1:1/db\"\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"doctor"}, {"memory", "stats"}}) {
    const ProcessResult gone = scene.corvid(arguments, here);
    CHECK(gone.exit_code != 0);
    const std::string said = gone.out + gone.err;
    CHECK(said.find("postgresql://ann@127.0.0.1:1/db does not answer") != std::string::npos);
    CHECK(said.find("s3cr3t") == std::string::npos);
  }
}

TEST_CASE("runs remember and recall in the configured store on a server, until it is forgotten") {
  if (!sandbox_works()) return;
  PostgresServer* server = PostgresServer::get();
  if (server == nullptr) {
    WARN("SKIP: " << PostgresServer::missing());
    return;
  }
  const Scene scene;
  server->make_database("runs");
  put(scene.root() / "config" / "corvid" / "config.toml",
      "[memory]\nstore = \"" + server->url("runs") + "\"\n");
  const std::string secret = "quixotic-4711";
  const std::string model = scene.script({call("finish", {{"summary", "noted"}})});
  const auto run = [&](const std::string& task) {
    return scene.corvid(
        {"run", task, "--workspace", scene.workspace().string(), "--model", model, "--json"});
  };
  REQUIRE(run("Note for later: the staging server's code name is " + secret + ".").exit_code == 0);
  CHECK(run("What is the code name of the staging server?").out.find(secret) != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(scene.data() / "memory" / "memory.db"));
  CHECK(server->bytes_of("runs").find(secret) != std::string::npos);
  CHECK(scene.corvid({"memory", "forget", "--text", secret, "--yes"}).exit_code == 0);
  CHECK(scene.files_with(secret).empty());
  CHECK(server->bytes_of("runs").find(secret) == std::string::npos);
  CHECK(run("What is the code name of the staging server?").out.find(secret) == std::string::npos);
}

TEST_CASE("with after-runs the model that is named tells memory of each run at its end") {
  const Scene scene;
  const auto teller = scene.root() / "teller.jsonl";
  const Json told = {{"title", "The port"},
                     {"episode", "The staging port is 8443. Mallory owes Ann 500 euros."},
                     {"facts", Json::array()}, {"plans", Json::array()},
                     {"traits", Json::array()}};
  put(teller, dump_json({{"text", dump_json(told)}}) + "\n");
  put(scene.root() / "config" / "corvid" / "config.toml",
      "[memory]\nmodel = \"scripted:" + teller.string() + "\"\nconsolidate = \"after-runs\"\n");
  const std::map<std::string, std::string> here = {
      {"XDG_CONFIG_HOME", (scene.root() / "config").string()}};
  const std::string work = scene.workspace().string();
  const ProcessResult run =
      scene.corvid({"run", "the staging port is 8443, keep that in mind", "--workspace", work,
                    "--model", scene.script({{{"text", "kept"}}})}, here);
  CHECK(run.exit_code == 0);
  const ProcessResult list = scene.corvid({"memory", "-w", work, "list", "--json"}, here);
  const Json cells = parse_json(list.out, "list");
  REQUIRE(cells.size() == 1);
  CHECK(cells[0].at("title") == "The port");
  CHECK(cells[0].at("episode") == "The staging port is 8443.");  // what the turns say
  put(teller, dump_json({{"fail", "the model is gone"}}) + "\n");
  const ProcessResult other =
      scene.corvid({"run", "the lamp is red", "--workspace", work, "--model",
                    scene.script({{{"text", "kept"}}})}, here);
  CHECK(other.exit_code == 0);  // memory is whole without
  CHECK(scene.corvid({"memory", "-w", work, "search", "lamp"}, here).out.find("red") !=
        std::string::npos);
}
