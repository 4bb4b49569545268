// Taking sessions along, and letting them go.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::string run_writing(const Scene& scene, const std::string& path, const std::string& text) {
  const std::vector<Json> replies = {call("write_file", {{"path", path}, {"content", text}}),
                                     call("finish", {{"summary", "done"}})};
  const ProcessResult process =
      scene.corvid({"run", "write it", "--workspace", scene.workspace().string(), "--model",
                    scene.script(replies), "--json", "--no-memory"});
  return result_of(process).at("session");
}

}  // namespace

TEST_CASE("pruned sessions take their snapshots along; those that stay can still be undone") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string first = run_writing(scene, "a.txt", "kept by nobody 4711\n");
  std::filesystem::remove(scene.workspace() / "a.txt");
  scene.put("b.txt", "as it was before\n");
  const std::string second = run_writing(scene, "b.txt", "as it is after\n");
  const auto prune = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"sessions", "prune", "--json"});
    const ProcessResult process = scene.corvid(more);
    INFO(process.err);
    REQUIRE(process.exit_code == 0);
    return parse_json(process.out, "prune");
  };
  CHECK(scene.corvid({"sessions", "prune"}).exit_code == 1);
  CHECK(prune({"--keep", "1", "--dry-run"}).at("sessions") == Json({first}));
  CHECK(prune({"--older-than", "1"}).at("sessions").empty());
  const auto objects = [&] {
    int count = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(scene.data() / "snapshots")) {
      count +=
          entry.is_regular_file() && entry.path().string().find("/objects/") != std::string::npos;
    }
    return count;
  };
  const int before = objects();
  const Json pruned = prune({"--keep", "1"});
  CHECK(pruned.at("sessions") == Json({first}));
  CHECK(pruned.at("bytes").get<int64_t>() > 0);
  CHECK(objects() < before);
  CHECK_FALSE(std::filesystem::exists(scene.data() / "sessions" / first));
  CHECK(scene.corvid({"sessions", "undo", second}).exit_code == 0);
  CHECK(scene.get("b.txt") == "as it was before\n");
  CHECK(prune({"--max-bytes", "0"}).at("sessions") == Json({second}));
  CHECK(std::filesystem::is_empty(scene.data() / "snapshots"));
  CHECK(scene.corvid({"doctor"}).out.find("sessions 0.0 MB") != std::string::npos);
}

TEST_CASE("a session is exported as Markdown and as JSON lines") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::string id = run_writing(scene, "a.txt", "```\nfenced\n```\n");
  const std::string text = scene.corvid({"sessions", "export", id}).out;
  CHECK(text.find("# Corvid session " + id) == 0);
  CHECK(text.find("write it") != std::string::npos);
  CHECK(text.find("Call of write_file:\n\n````\n") != std::string::npos);
  CHECK(text.find("**unverified**") != std::string::npos);
  const std::vector<Json> lines =
      json_lines(scene.corvid({"sessions", "export", id, "--json"}).out);
  REQUIRE(lines.size() > 3);
  CHECK(lines.front().at("type") == "session_started");
  CHECK(lines.back().at("type") == "run_ended");
  const std::string file = (scene.root() / "session.md").string();
  CHECK(scene.corvid({"sessions", "export", id, "-o", file}).exit_code == 0);
  CHECK(read_file(file).find("# Corvid session") == 0);
}

TEST_CASE("a fork goes on from an earlier turn while the first session stays as it is") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> replies = {call("write_file", {{"path", "a.txt"}, {"content", "one\n"}}),
                                     call("write_file", {{"path", "b.txt"}, {"content", "two\n"}}),
                                     call("finish", {{"summary", "done"}})};
  const ProcessResult first =
      scene.corvid({"run", "write both", "--workspace", scene.workspace().string(), "--model",
                    scene.script(replies), "--json", "--no-memory"});
  const std::string id = result_of(first).at("session");
  const std::string log = read_file(scene.data() / "sessions" / id / "events.jsonl");
  CHECK(scene.corvid({"sessions", "fork", id, "--turn", "9"}).exit_code == 1);
  const ProcessResult forked = scene.corvid({"sessions", "fork", id, "--turn", "2", "--json"});
  INFO(forked.err);
  const std::string fork = parse_json(forked.out, "fork").at("session");
  CHECK(fork != id);
  std::filesystem::remove(scene.workspace() / "b.txt");
  const ProcessResult resumed = scene.corvid({"run", "--resume", fork, "--json"});
  INFO(resumed.out << resumed.err);
  // The script's second reply comes again: the fork's conversation ends before it.
  CHECK(scene.get("b.txt") == "two\n");
  CHECK(result_of(resumed).at("session") == fork);
  CHECK(read_file(scene.data() / "sessions" / id / "events.jsonl") == log);
}

TEST_CASE("after a rewind a resumed run goes on from before the turn") {
  if (!sandbox_works()) return;
  const Scene scene;
  const std::vector<Json> replies = {call("write_file", {{"path", "a.txt"}, {"content", "one\n"}}),
                                     call("write_file", {{"path", "b.txt"}, {"content", "two\n"}}),
                                     call("finish", {{"summary", "done"}})};
  const ProcessResult first =
      scene.corvid({"run", "write both", "--workspace", scene.workspace().string(), "--model",
                    scene.script(replies), "--json", "--no-memory"});
  const std::string id = result_of(first).at("session");
  REQUIRE(scene.corvid({"sessions", "rewind", "--to", "2", id}).exit_code == 0);
  CHECK(scene.get("a.txt") == "one\n");
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "b.txt"));
  const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
  INFO(resumed.out << resumed.err);
  CHECK(scene.get("b.txt") == "two\n");
  const std::vector<Json> lines = json_lines(resumed.out);
  int replies_count = 0;
  for (const Json& line : lines) replies_count += line.at("type") == "turn";
  CHECK(replies_count == 2);
}
