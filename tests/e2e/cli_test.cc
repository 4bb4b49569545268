#include <algorithm>

#include <catch2/catch.hpp>

#include "runtime/base/text.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

TEST_CASE("the programs alone, without what is installed beside them, work with another model") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::filesystem::path folder = scene.root() / "bin";
  std::filesystem::create_directory(folder);
  for (const char* name : {"corvid", "corvid-jail"}) {
    std::filesystem::copy_file(std::filesystem::path(CORVID_BINARY_DIR) / name, folder / name);
  }
  const std::string model = scene.script({call("finish", {{"summary", "done"}})});
  const ProcessResult run = run_process({(folder / "corvid").string(), "run", "look", "--workspace",
                                         scene.workspace().string(), "--model", model, "--json"},
                                        {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                                         {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                                         {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.out.find("suggest_edits") == std::string::npos);
  CHECK(run.err.find("python.tables") != std::string::npos);
}

TEST_CASE("rules that are asked for by name must be there; Corvid's own may be absent") {
  const Scene scene;
  const ProcessResult none = scene.corvid({"policy", "check", "ls"});
  INFO(none.out << none.err);
  CHECK(none.exit_code == 0);
  for (const std::string command : {"check", "test", "explain"}) {
    std::vector<std::string> arguments = {"policy", command, "--file", "nope.toml"};
    if (command == "check") arguments.push_back("ls");
    const ProcessResult done = scene.corvid(arguments);
    CHECK(done.exit_code == 1);
    CHECK(done.out.empty());
    CHECK(done.err.find("no such file: nope.toml") != std::string::npos);
  }
}

namespace {

// The names that the help of a command lists as its subcommands.
std::vector<std::string> subcommands(const std::string& help) {
  std::vector<std::string> names;
  bool is_list = false;
  for (const std::string_view line : split_lines(help)) {
    if (line == "Subcommands:") {
      is_list = true;
    } else if (is_list && line.starts_with("  ") && line.size() > 2 && line[2] != ' ') {
      names.emplace_back(line.substr(2, line.find(' ', 2) - 2));
    } else if (is_list && trim(line).empty()) {
      break;
    }
  }
  return names;
}

void expect_examples(const Scene& scene, const std::vector<std::string>& command) {
  std::vector<std::string> arguments = command;
  arguments.push_back("--help");
  const ProcessResult done = scene.corvid(arguments);
  INFO(join(command, " ") << "\n" << done.out << done.err);
  CHECK(done.exit_code == 0);
  CHECK(done.out.find("Example") != std::string::npos);
  for (const std::string& name : subcommands(done.out)) {
    std::vector<std::string> deeper = command;
    deeper.push_back(name);
    expect_examples(scene, deeper);
  }
}

}  // namespace

TEST_CASE("every command has help with examples") {
  const Scene scene;
  const std::vector<std::string> commands = subcommands(scene.corvid({"--help"}).out);
  for (const char* name : {"run", "sessions", "memory", "model", "policy", "doctor"}) {
    CHECK(std::count(commands.begin(), commands.end(), name) == 1);
  }
  CHECK(subcommands(scene.corvid({"memory", "--help"}).out).size() >= 5);
  expect_examples(scene, {});
}

TEST_CASE("a command that does not exist is named, with those that are near") {
  const Scene scene;
  const auto said = [&](const std::vector<std::string>& arguments) {
    const ProcessResult done = scene.corvid(arguments);
    CHECK(done.exit_code == 1);
    CHECK(done.out.empty());
    return std::string(trim(done.err));
  };
  CHECK(said({"memroy"}) == "corvid: unknown command 'memroy'; did you mean memory?");
  CHECK(said({"memory", "serch", "--json"}) ==
        "corvid: unknown command 'serch' of memory; did you mean search?");
  CHECK(said({"bogus"}).starts_with("corvid: unknown command 'bogus'; there are: run "));
  CHECK(said({"b\x1b[31m"}).find('\x1b') == std::string::npos);
  CHECK(said({"sessions"}).find("subcommand is required") != std::string::npos);
}

TEST_CASE("numbers out of range and unknown names are usage errors") {
  const Scene scene;
  const std::vector<std::vector<std::string>> wrong = {
      {"-n", "-3"},        {"-t", "-4"},     {"-t", "100000"},  {"--temp", "nan"},
      {"--temp", "-1"},    {"--temp", "1x"}, {"--top-k", "-5"}, {"--top-p", "1.5"},
      {"--min-p", "-0.1"}, {"--seed", "-1"}};
  for (const auto& option : wrong) {
    std::vector<std::string> arguments = {"model", "generate", "absent.gguf", "-p", "x"};
    arguments.insert(arguments.end(), option.begin(), option.end());
    const ProcessResult done = scene.corvid(arguments);
    INFO(join(option, " ") << done.err);
    CHECK(done.exit_code == 1);
    CHECK(done.err.find(option[0]) != std::string::npos);
    CHECK(done.err.size() < 300);
  }
  CHECK(scene.corvid({"model", "embed", "absent.gguf", "-t", "-5"}).exit_code == 1);
  CHECK(scene.corvid({"model", "bench", "absent.gguf", "-t", "1024"}).exit_code == 1);
  const std::string model =
      std::string(CORVID_SOURCE_DIR) + "/tests/golden/engine/gated-deltanet2-swa.Q8_0.gguf";
  const ProcessResult done = scene.corvid({"model", "tokenize", model, "--pre", "nothing"});
  CHECK(done.exit_code == 1);
  CHECK(done.err.find("unknown pre-tokenizer 'nothing'") != std::string::npos);
}

TEST_CASE("model generate writes a value of a schema, or says why it cannot") {
  const Scene scene;
  const std::string schema = scene.root() / "schema.json";
  const std::vector<std::string> arguments = {"model", "generate", "-p", "x", "-n", "6", "--json",
                                              "--schema", schema};
  write_file_atomic(schema, R"({"type": "object", "properties": {"name": {"type": "string"},
      "age": {"type": "integer", "maximum": 150}}, "required": ["name", "age"]})");
  const ProcessResult done = scene.corvid(arguments);
  INFO(done.out << done.err);
  REQUIRE(done.exit_code == 0);
  const Json value = Json::parse(Json::parse(done.out).at("text").get<std::string>());
  CHECK(value.at("name").is_string());
  CHECK(value.at("age").is_number_integer());
  write_file_atomic(schema, R"({"not": {"uniqueItems": true}})");
  const ProcessResult refused = scene.corvid(arguments);
  CHECK(refused.exit_code == 1);
  CHECK(refused.out.empty());
  CHECK(refused.err.find("'uniqueItems'") != std::string::npos);
}

TEST_CASE("model generate --chat reads a message as text, whatever it spells") {
  const Scene scene;
  const auto prefilled = [&](const std::string& text) {
    const ProcessResult done =
        scene.corvid({"model", "generate", "--chat", "-p", text, "-n", "1", "--json"});
    INFO(done.out << done.err);
    REQUIRE(done.exit_code == 0);
    return Json::parse(done.out).at("prefilled").get<int>();
  };
  CHECK(prefilled("a<|im_end|>b") > prefilled("ab") + 3);
}

TEST_CASE("what does not exist is an error, not an empty answer") {
  const Scene scene;
  const ProcessResult forgotten = scene.corvid({"memory", "forget", "t999999", "--yes"});
  CHECK(forgotten.exit_code == 1);
  CHECK(forgotten.err.find("no memory t999999") != std::string::npos);
  const std::vector<std::vector<std::string>> commands = {
      {"list"}, {"search", "x"}, {"profile"}, {"scenes"}, {"foresight"}};
  for (const std::vector<std::string>& command : commands) {
    std::vector<std::string> arguments = {"memory"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    arguments.insert(arguments.end(), {"-w", "/nonexistent/folder"});
    const ProcessResult listed = scene.corvid(arguments);
    INFO(listed.out << listed.err);
    CHECK(listed.exit_code == 1);
    CHECK(listed.err.find("/nonexistent/folder") != std::string::npos);
  }
  CHECK(scene.corvid({"memory", "list", "-w", scene.workspace().string()}).exit_code == 0);
}

TEST_CASE("there is no rewinding to a turn that never was, and names of files stay one line") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult ran =
      scene.run({call("write_file", {{"path", "two\nlines.txt"}, {"content", "x\n"}}),
                 call("finish", {{"summary", "done"}})});
  REQUIRE(ran.exit_code == 0);
  const ProcessResult refused =
      scene.corvid({"sessions", "rewind", "--to", "99", "-w", scene.workspace().string()});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.find("has 2 turns, and no turn 99") != std::string::npos);
  const ProcessResult back =
      scene.corvid({"sessions", "rewind", "--to", "1", "-w", scene.workspace().string()});
  CHECK(back.exit_code == 0);
  CHECK(back.out == "put back \"two\\nlines.txt\"\n");
}

TEST_CASE("an import shows no progress where nobody looks at it") {
  const Scene scene;
  scene.put("talk.jsonl",
            R"({"session":"s","id":"1","speaker":"A","when":"2026-01-02T03:04:05Z","text":"hi"})"
            "\n");
  const ProcessResult done = scene.corvid({"memory", "--store", (scene.root() / "m").string(),
                                           "import", "--format", "turns",
                                           (scene.workspace() / "talk.jsonl").string()});
  CHECK(done.exit_code == 0);
  CHECK(done.out.starts_with("1 stored"));
  CHECK(done.err.empty());
}
