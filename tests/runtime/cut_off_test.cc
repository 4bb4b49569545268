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
