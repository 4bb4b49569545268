// What --json says of tokens against what the session's token log holds.

#include <algorithm>
#include <csignal>
#include <map>

#include <catch2/catch.hpp>

#include "runtime/session.h"
#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> repair(const Scene& scene, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"run",         "The tests fail. Repair it.",
                                        "--workspace", scene.workspace().string(),
                                        "--json",      "--verify"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

// Tokens of each lineage's own part of the log: from where it begins to where it ends.
std::map<std::string, int64_t> logged_tokens(const fs::path& session) {
  struct Part {
    int64_t begin = -1, end = 0;
  };
  std::map<std::string, Part> parts;
  const std::string log = read_file(session / "tokens.jsonl");
  for (const Json& line : json_lines(log)) {
    Part& part = parts[line.at("lineage")];
    const int64_t position = line.at("position");
    if (part.begin < 0) part.begin = position;
    part.end = position + int64_t(line.at("tokens").size());
  }
  std::map<std::string, int64_t> counts;
  for (const auto& [lineage, part] : parts) counts[lineage] = part.end - part.begin;
  return counts;
}

// Prefilled and generated of each lineage, summed over turns. Fails where a turn reads anything
// that an earlier one of its lineage read or wrote.
std::map<std::string, int64_t> counted_tokens(const std::vector<Json>& lines, bool is_whole) {
  std::map<std::string, int64_t> counts, held;
  for (const Json& line : lines) {
    if (line.at("type") != "turn" && line.at("type") != "turn_ended") continue;
    const std::string lineage = line.at("lineage");
    const Json& tokens = line.at("tokens");
    const int64_t added =
        tokens.at("prefilled").get<int64_t>() + tokens.at("generated").get<int64_t>();
    counts[lineage] += added;
    const int64_t reused = tokens.at("reused");
    if (is_whole && held.contains(lineage)) CHECK(reused == held[lineage]);
    if (is_whole) CHECK(tokens.value("rebuilt", 0) == 0);
    held[lineage] = reused + added;
  }
  return counts;
}

fs::path session_folder(const Scene& scene) {
  for (const auto& entry : fs::directory_iterator(scene.data() / "sessions")) return entry.path();
  return {};
}

}  // namespace

TEST_CASE("over sixty turns nothing is prefilled twice, and the counts give the token log") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult run = scene.corvid(
      repair(scene, {"false", "--attempts", "1", "--max-checks", "100", "--max-turns", "60"}));
  const Json result = result_of(run);
  CHECK(result.at("turns").get<int>() >= 50);
  const auto counted = counted_tokens(json_lines(run.out), true);
  CHECK(counted == logged_tokens(session_folder(scene)));
  CHECK(counted.size() == 1);
  CHECK(result.at("tokens").at("prefilled").get<int64_t>() +
            result.at("tokens").at("generated").get<int64_t>() ==
        counted.at("main"));
}

TEST_CASE("each attempt's lineage counts its own tokens, and reads nothing that was read before") {
  if (!sandbox_works()) return;
  const Scene scene;
  const ProcessResult run =
      scene.corvid(repair(scene, {"false", "--attempts", "5", "--max-checks", "2"}));
  CHECK(result_of(run).at("status") == "failed");
  const auto counted = counted_tokens(json_lines(run.out), true);
  CHECK(counted == logged_tokens(session_folder(scene)));
  CHECK(counted.size() == 5);
}

TEST_CASE("a resumed run counts nothing twice; what recovery reads again is told apart") {
  if (!sandbox_works()) return;
  for (const char* fault :
       {"CORVID_TEST_KILL_AFTER_EVENTS", "CORVID_TEST_INTERRUPT_AFTER_EVENTS"}) {
    const bool is_kill = std::string(fault) == "CORVID_TEST_KILL_AFTER_EVENTS";
    const Scene scene;
    CAPTURE(fault);
    const ProcessResult first =
        scene.corvid(repair(scene, {"python3 -m unittest -q"}), {{fault, "13"}});
    const std::string id = session_folder(scene).filename().string();
    const fs::path state = scene.root() / "cache" / "corvid" / "state" / (id + ".state");
    if (is_kill) {
      REQUIRE(first.signal == SIGKILL);
      CHECK_FALSE(fs::exists(state));
    } else {
      REQUIRE(first.exit_code == 130);
      CHECK(result_of(first).at("status") == "interrupted");
      CHECK(fs::exists(state));
    }
    const ProcessResult resumed = scene.corvid({"run", "--resume", id, "--json"});
    const Json result = result_of(resumed);
    CHECK(result.at("status") == "verified");
    const int64_t rebuilt = result.at("tokens").value("rebuilt", 0);
    if (is_kill) CHECK(rebuilt > 0);
    if (!is_kill) CHECK(rebuilt == 0);
    std::vector<Json> events;
    const std::string log = read_file(session_folder(scene) / "events.jsonl");
    for (const Json& line : json_lines(log)) events.push_back(line);
    // Attempts begin anew after a resume: only the conversation that they share is one lineage.
    std::erase_if(events, [](const Json& event) { return event.contains("attempt"); });
    int64_t prefilled_twice = 0;
    for (const Json& event : events) {
      if (event.at("type") != "turn_ended") continue;
      prefilled_twice += event.at("tokens").value("rebuilt", 0);
    }
    CHECK(prefilled_twice == 0);
  }
}
