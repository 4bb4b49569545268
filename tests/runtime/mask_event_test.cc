#include "runtime/mask_event.h"

#include <catch2/catch.hpp>

#include "runtime/cut_off.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

const std::string kToken = "ghp_" + std::string("A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8");

std::string line_of_masked(EventBody body) {
  mask_secrets(body);
  return event_to_line({1, {}, -1, std::move(body)});
}

bool shows_token(const EventBody& body) {
  return line_of_masked(body).find(kToken) != std::string::npos;
}

}  // namespace

TEST_CASE("secrets of a known shape are masked in every text of a session's events") {
  const std::string arguments = R"({"command":"curl -H 'x: )" + kToken + R"('"})";
  Message reply{Role::assistant, "I use " + kToken, {{"call_1_1", "shell", arguments}}, ""};
  CHECK_FALSE(shows_token(MessageAdded{reply}));
  CHECK(line_of_masked(MessageAdded{reply}).find("curl -H 'x: [redacted:") != std::string::npos);
  CHECK_FALSE(shows_token(MessageAdded{{Role::tool, kToken, {}, "call_1_1"}}));
  Message thought{Role::assistant, "", {}, ""};
  thought.reasoning = "I might use " + kToken;
  CHECK_FALSE(shows_token(MessageAdded{thought}));
  CHECK(line_of_masked(MessageAdded{thought}).find("I might use [red") != std::string::npos);
  CHECK_FALSE(shows_token(
      ActionDecided{"c", "shell", R"({"argv":["x",")" + kToken + R"("]})", "deny", kToken}));
  CHECK_FALSE(shows_token(ToolFinished{"c", "edit_file", false, 0, "+" + kToken, 1, "{}"}));
  CHECK_FALSE(shows_token(CheckRan{"verify", "make", 1, false, kToken, 5}));
  CHECK_FALSE(shows_token(AttemptEnded{"failed", kToken, {}}));
  CHECK_FALSE(shows_token(Compacted{"window", "summary", {}, kToken, kToken, 1, 2, 3, {}}));
  CHECK_FALSE(shows_token(RunEnded{R"({"message":")" + kToken + R"("})"}));
  CHECK_FALSE(
      shows_token(SessionStarted{1, "id", "/w", kToken, R"({"task":")" + kToken + R"("})", ""}));
}

TEST_CASE("what holds no secret stays byte for byte") {
  const std::string odd = R"({ "b" : 1,  "a":"x" })";
  const EventBody body = MessageAdded{{Role::assistant, "t", {{"c", "shell", odd}}, ""}};
  CHECK(line_of_masked(body) == event_to_line({1, {}, -1, body}));
}

TEST_CASE("a call that was logged with a masked argument is not run from the log") {
  EventBody body = MessageAdded{{Role::assistant, "",
                                 {{"c1", "shell", R"({"command":"echo )" + kToken + R"("})"},
                                  {"c2", "shell", R"({"command":"echo"})"}},
                                 ""}};
  mask_secrets(body);
  const CutOff end = find_cut_off({{Event{.body = std::move(body)}}});
  CHECK(end.interrupted == std::vector<std::string>{"c1"});
  REQUIRE(end.from.unstarted.calls.size() == 1);
  CHECK(end.from.unstarted.calls[0].id == "c2");
}
