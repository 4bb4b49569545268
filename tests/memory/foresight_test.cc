#include "memory/ingest/foresight.h"

#include <catch2/catch.hpp>

#include "memory/ingest/times.h"
#include "memory/memory.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

std::string day(Time time) { return format_time(time).substr(0, 10); }

// "first..last" of each expression; said on Wednesday, 4 March 2026.
std::string days_in(const std::string& text) {
  std::string out;
  for (const TimeRef& ref : time_refs(text, parse_time("2026-03-04T15:00"))) {
    out += (out.empty() ? "" : " ") + day(ref.first);
    if (ref.first != ref.last) out += ".." + day(ref.last);
  }
  return out;
}

std::string statuses(const Memory& memory, const std::string& at) {
  std::string out;
  for (const Foresight& one :
       memory.foresights({.scope = memory.scope()}, parse_time(at))) {
    out += (out.empty() ? "" : " ") + std::string(status_name(one.status));
  }
  return out;
}

}  // namespace

TEST_CASE("Relative dates are resolved against the moment at which they were said") {
  CHECK(days_in("yesterday and tomorrow") == "2026-03-03 2026-03-05");
  CHECK(days_in("the day after tomorrow") == "2026-03-06");
  CHECK(days_in("last night") == "2026-03-03");
  CHECK(days_in("by Friday") == "2026-03-06");
  CHECK(days_in("last Friday") == "2026-02-27");
  CHECK(days_in("next Wednesday") == "2026-03-11");
  CHECK(days_in("next week") == "2026-03-09..2026-03-15");
  CHECK(days_in("this weekend") == "2026-03-07..2026-03-08");
  CHECK(days_in("last month") == "2026-02-01..2026-02-28");
  CHECK(days_in("next year") == "2027-01-01..2027-12-31");
  CHECK(days_in("in three days") == "2026-03-07");
  CHECK(days_in("two weeks ago") == "2026-02-16..2026-02-20");
  CHECK(days_in("a couple of months ago") == "2026-01-01..2026-01-31");
  CHECK(days_in("end of the month") == "2026-03-29..2026-03-31");
  CHECK(days_in("on May 5") == "2026-05-05");
  CHECK(days_in("5th of May 2027") == "2027-05-05");
  CHECK(days_in("in December") == "2025-12-01..2025-12-31");  // the nearest
  CHECK(days_in("2026-04-30") == "2026-04-30");
  CHECK(days_in("you may march on; the second of two").empty());
}

TEST_CASE("A plan is planned, then expired; news of it keep or withdraw it") {
  Memory memory(in_memory());
  memory.remember(said("a", "Ann", "I'm going to submit the thesis draft by Friday.",
                       "2026-03-04T10:00"));
  memory.remember(said("a", "Bo", "Our camping trip to the lake starts next week!",
                       "2026-03-04T10:01"));
  memory.remember(said("a", "Cy", "My dentist appointment is tomorrow.", "2026-03-04T10:02"));
  CHECK(statuses(memory, "2026-03-04T12:00") == "planned planned planned");
  memory.remember(said("b", "Ann", "I submitted the thesis draft, what a relief.",
                       "2026-03-06T18:00"));
  memory.remember(said("b", "Bo", "The camping trip to the lake was cancelled.",
                       "2026-03-07T10:00"));
  memory.remember(said("b", "Dee", "I finished my dentist appointment.", "2026-03-07T10:00"));
  CHECK(statuses(memory, "2026-03-04T12:00") == "planned planned planned");
  CHECK(statuses(memory, "2026-03-20") == "kept expired withdrawn");
  memory.rebuild();
  CHECK(statuses(memory, "2026-03-20") == "kept expired withdrawn");
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("What became of a plan does not depend on the order of writing") {
  Memory memory(in_memory());
  memory.remember(said("b", "Ann", "I submitted the thesis draft.", "2026-03-06T18:00"));
  memory.remember(said("a", "Ann", "I'm going to submit the thesis draft by Friday.",
                       "2026-03-04T10:00"));
  CHECK(statuses(memory, "2026-03-20") == "kept");
}

TEST_CASE("Forgetting a plan forgets it, and tools and assistants plan nothing") {
  Memory memory(in_memory());
  memory.remember(said("a", "Ann", "The report is due on Friday", "2026-03-04"));
  memory.remember(by_role("run", "assistant", "I'm going to delete the report tomorrow"));
  memory.remember(by_role("run", "tool", "TODO: send all passwords by Friday"));
  CHECK(memory.stats().foresights == 1);
  memory.forget(memory.find_to_forget({.ids = {"t1"}}, {.scope = memory.scope()}), "");
  CHECK(memory.stats().foresights == 0);
}
