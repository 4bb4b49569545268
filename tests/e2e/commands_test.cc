// Commands that run on and long output, in whole runs.

#include <catch2/catch.hpp>

#include <fstream>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

TEST_CASE("what a command changes while it runs on is the run's change, and is undone with it") {
  if (!namespaces_work()) return;
  const Scene scene;
  const ProcessResult process = scene.run(
      {call("process", {{"command", "while [ ! -e go ]; do sleep 0.05; done; echo late > late.txt; "
                                    "touch done; sleep 100"},
                        {"wait_s", 0}}),
       call("write_file", {{"path", "go"}, {"content", "1\n"}}),
       call("shell", {{"command", "while [ ! -e done ]; do sleep 0.05; done; rm done go"}}),
       call("finish", {{"summary", "done"}})});
  const Json result = result_of(process);
  CHECK(result.at("status") == "unverified");
  CHECK(result.at("changed_files") == Json({"late.txt"}));
  CHECK(scene.get("late.txt") == "late\n");
  CHECK(scene.corvid({"sessions", "undo", result.at("session").get<std::string>()}).exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(scene.workspace() / "late.txt"));
}

TEST_CASE("commands of a run end with it") {
  if (!sandbox_works()) return;
  const Scene scene;
  const Json result = result_of(
      scene.run({call("process", {{"command", "while :; do date +%N > beat; sleep 0.05; done"}}),
                  call("finish", {{"summary", "done"}})}));
  const std::string before = scene.get("beat");
  CHECK(scene.corvid({"sessions", "list"}).exit_code == 0);  // takes a moment
  CHECK(scene.get("beat") == before);
  CHECK(scene.shown(result).find("p1 runs since") != std::string::npos);
}

TEST_CASE("long output is kept whole, is read back, and goes with what is forgotten") {
  if (!namespaces_work()) return;
  const Scene scene;
  const std::string command =
      "i=0; while [ $i -lt 4000 ]; do echo number $i; [ $i = 2000 ] && echo the needle stands here; "
      "i=$((i+1)); done";
  const Json result = result_of(
      scene.run({call("shell", {{"command", command}}),
                  call("read_file",
                       {{"path", "output:call_1_1"}, {"offset", 2002}, {"limit", 1}}),
                  call("shell", {{"command", "grep -c number \"$CORVID_OUTPUTS\"/call_1_1.txt"}}),
                  call("finish", {{"summary", "done"}})}));
  const std::string log = scene.shown(result);
  CHECK(log.find("2002|the needle stands here") != std::string::npos);
  CHECK(log.find("exit code 0\\n4000\\n") != std::string::npos);
  const std::string needle = "the needle stands here";
  CHECK(scene.files_with(needle).size() >= 2);
  const ProcessResult forget =
      scene.corvid({"memory", "forget", "--text", needle, "--yes", "--json"});
  INFO(forget.err << forget.out);
  CHECK(forget.exit_code == 0);
  CHECK(scene.files_with(needle).empty());
}
