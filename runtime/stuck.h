#pragma once
// Notices that a model goes in circles, from what it called and what it was told.

#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace corvid::runtime {

enum class Circle {
  same_call,      // the same call with the same answer, three times in a row
  pair_of_calls,  // two calls in turn, three times
  same_error,     // different calls, one error, four times in a row
  empty_replies,  // neither a call nor a text, or cut off before either, twice in a row
  same_text       // the same text again without a call
};

struct Nudge {
  Circle circle;
  std::string text;      // what the model is told
  bool is_last = false;  // it was told before, in vain: time to stop
};

// One conversation's memory of its last steps. Each kind of circle is named once; when it comes
// again, or a third kind comes, the nudge is the last.
class StuckDetector {
 public:
  // After a call: its name, arguments and answer.
  std::optional<Nudge> after_call(std::string_view name, std::string_view arguments,
                                  std::string_view answer, bool is_error);
  // After a reply without a call.
  std::optional<Nudge> after_text(std::string_view text, bool is_cut_off);

 private:
  std::optional<Nudge> nudge(Circle circle);

  std::deque<std::string> calls_;   // digests of call and answer, the newest last
  std::deque<std::string> errors_;  // digests of answers that were errors; emptied by a success
  std::string last_text_;
  int empty_count_ = 0;
  unsigned named_ = 0;  // bit per Circle
  int nudge_count_ = 0;
};

std::string_view circle_name(Circle circle);  // "same_call"

}  // namespace corvid::runtime
