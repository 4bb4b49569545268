#include "runtime/cut_off.h"

#include <catch2/catch.hpp>

using namespace corvid;
using namespace corvid::runtime;

namespace {

Event at_attempt(EventBody body, int attempt) {
  Event event{.body = std::move(body)};
  event.attempt = attempt;
  return event;
}

CheckRan checked(bool timed_out) {
  CheckRan run;
  run.exit_code = 1;
  run.timed_out = timed_out;
  return run;
}

}  // namespace

TEST_CASE("a resumed run makes attempts again whose check was cut off, not those that failed") {
  std::vector<Event> events = {
      at_attempt(AttemptStarted{"c1"}, 0), at_attempt(AttemptStarted{"c2"}, 1),
      at_attempt(checked(false), 0),       at_attempt(AttemptEnded{"failed", "", {}}, 0),
      at_attempt(checked(true), 1),        at_attempt(AttemptEnded{"failed", "", {}}, 1),
  };
  CHECK(find_cut_off(events).failed_attempts == std::set<int>{0});
  // Its second chance has begun, and has an end of its own.
  events.push_back(at_attempt(AttemptStarted{"c2"}, 1));
  CHECK(find_cut_off(events).failed_attempts == std::set<int>{0});
  events.push_back(at_attempt(checked(false), 1));
  events.push_back(at_attempt(AttemptEnded{"failed", "", {}}, 1));
  CHECK(find_cut_off(events).failed_attempts == std::set<int>{0, 1});
  // One that began anew is not over.
  events.push_back(at_attempt(AttemptStarted{"c1"}, 0));
  CHECK(find_cut_off(events).failed_attempts == std::set<int>{1});
}

TEST_CASE("a resumed run knows what was read and done before it") {
  const auto decided = [](const char* action, const char* verdict) {
    return at_attempt(ActionDecided{"c", "t", action, verdict, ""}, -1);
  };
  MessageAdded page{{Role::tool, "page", {}, "c"}};
  page.message.is_untrusted = true;
  std::vector<Event> events = {at_attempt(SessionStarted{1, "id", "/w", "task", "{}", ""}, -1),
                               decided(R"({"tool":"shell","argv":["make"]})", "allow"),
                               decided(R"({"tool":"shell","argv":["sudo"]})", "deny"),
                               decided(R"({"tool":"write_file","writes":["/w/a"]})", "allow"),
                               decided(R"({"tool":"fetch_url","hosts":["a.org"]})", "allow")};
  CHECK(find_cut_off(events).from.before == policies::Before{false, 1, 1, 1});
  CHECK(find_cut_off(events).from.was_denied);
  events.push_back(at_attempt(page, -1));
  CHECK(find_cut_off(events).from.before.has_untrusted);
  // A further task has a budget of its own; what was read stays read.
  events.push_back(at_attempt(SessionStarted{1, "id", "/w", "task", "{}", ""}, -1));
  CHECK(find_cut_off(events).from.before == policies::Before{true, 0, 0, 0});
  CHECK_FALSE(find_cut_off(events).from.was_denied);
  // What an attempt read is not in the conversation that goes on.
  CHECK_FALSE(find_cut_off({{at_attempt(page, 1)}}).from.before.has_untrusted);
}
