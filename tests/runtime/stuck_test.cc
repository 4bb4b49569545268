#include "runtime/stuck.h"

#include <catch2/catch.hpp>

namespace corvid::runtime {
namespace {

TEST_CASE("ordinary work is no circle") {
  StuckDetector detector;
  for (int i = 0; i < 50; ++i) {
    CHECK_FALSE(detector.after_call("read_file", std::to_string(i), "text", false));
    CHECK_FALSE(detector.after_call("shell", "make", std::to_string(i), i % 3 != 0));
    CHECK_FALSE(detector.after_text("step " + std::to_string(i), false));
  }
}

TEST_CASE("the same call three times is named once, and then ends the run") {
  StuckDetector detector;
  CHECK_FALSE(detector.after_call("shell", "make", "no", true));
  CHECK_FALSE(detector.after_call("shell", "make", "no", true));
  const auto first = detector.after_call("shell", "make", "no", true);
  REQUIRE(first);
  CHECK(first->circle == Circle::same_call);
  CHECK_FALSE(first->is_last);
  CHECK_FALSE(detector.after_call("shell", "make", "no", true));
  CHECK_FALSE(detector.after_call("shell", "make", "no", true));
  CHECK(detector.after_call("shell", "make", "no", true)->is_last);
}

TEST_CASE("a call whose answer changes is no circle") {
  StuckDetector detector;
  for (int i = 0; i < 9; ++i) {
    CHECK_FALSE(detector.after_call("shell", "poll", std::to_string(i), false));
  }
}

TEST_CASE("two calls in turn and one error of many calls are circles of their own") {
  StuckDetector detector;
  std::optional<Nudge> found;
  for (int i = 0; i < 6; ++i) {
    CHECK_FALSE(found);
    found = detector.after_call(i % 2 == 0 ? "read_file" : "search", "", "same", false);
  }
  REQUIRE(found);
  CHECK(found->circle == Circle::pair_of_calls);
  found.reset();
  for (int i = 0; i < 4; ++i) {
    CHECK_FALSE(found);
    found = detector.after_call("edit_file", std::to_string(i), "read a.py first", true);
  }
  REQUIRE(found);
  CHECK(found->circle == Circle::same_error);
  CHECK_FALSE(found->is_last);
  for (int i = 0; i < 3; ++i) found = detector.after_call("x", "", "", false);
  CHECK(found->is_last);  // the third kind
}

TEST_CASE("empty, cut-off and repeated replies are circles") {
  StuckDetector detector;
  CHECK_FALSE(detector.after_text("", false));
  CHECK(detector.after_text("half of a th", true)->circle == Circle::empty_replies);
  CHECK_FALSE(detector.after_text("I will look.", false));
  CHECK(detector.after_text("I will look. ", false)->circle == Circle::same_text);
  CHECK(circle_name(Circle::same_text) == "same_text");
}

}  // namespace
}  // namespace corvid::runtime
