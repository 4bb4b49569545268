#include "runtime/stuck.h"

#include <algorithm>

#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

constexpr size_t kSameCalls = 3, kPairs = 3, kSameErrors = 4;
constexpr int kEmptyReplies = 2, kNudgesMax = 2;

std::string digest(std::string_view a, std::string_view b = {}, std::string_view c = {}) {
  return std::to_string(fnv1a(c, fnv1a(b, fnv1a(a) ^ a.size()) ^ b.size()));
}

bool is_same(const std::deque<std::string>& list, size_t count) {
  return list.size() >= count && std::all_of(list.end() - ptrdiff_t(count), list.end(),
                                             [&](const auto& each) { return each == list.back(); });
}

bool alternates(const std::deque<std::string>& list, size_t pairs) {
  if (list.size() < 2 * pairs) return false;
  const auto first = list.end() - ptrdiff_t(2 * pairs);
  if (first[0] == first[1]) return false;
  for (size_t i = 2; i < 2 * pairs; ++i) {
    if (first[ptrdiff_t(i)] != first[ptrdiff_t(i % 2)]) return false;
  }
  return true;
}

std::string text_of(Circle circle) {
  switch (circle) {
    case Circle::same_call:
      return "You have made this call three times and the answer has not changed. Use what it "
             "says, or try something else.";
    case Circle::pair_of_calls:
      return "You go back and forth between the same two calls. Say in one sentence what you still "
             "do not know, then find that out with another call.";
    case Circle::same_error:
      return "Different calls end with the same error. Read the error: what does it ask for? "
             "Change the approach rather than the details.";
    case Circle::empty_replies:
      return "Your last replies had neither a call nor a text. Call a tool, or call finish with a "
             "summary of what is done and what is not.";
    case Circle::same_text:
      return "You have said this before. Act: call a tool, or call finish.";
  }
  return {};
}

}  // namespace

std::string_view circle_name(Circle circle) {
  static constexpr std::string_view kNames[] = {"same_call", "pair_of_calls", "same_error",
                                                "empty_replies", "same_text"};
  return kNames[size_t(circle)];
}

std::optional<Nudge> StuckDetector::after_call(std::string_view name, std::string_view arguments,
                                               std::string_view answer, bool is_error) {
  empty_count_ = 0;
  calls_.push_back(digest(name, arguments, answer));
  if (calls_.size() > 2 * kPairs) calls_.pop_front();
  if (!is_error) {
    errors_.clear();
  } else {
    errors_.push_back(digest(answer));
    if (errors_.size() > kSameErrors) errors_.pop_front();
  }
  std::optional<Nudge> found;
  if (is_same(calls_, kSameCalls)) {
    found = nudge(Circle::same_call);
  } else if (alternates(calls_, kPairs)) {
    found = nudge(Circle::pair_of_calls);
  } else if (is_same(errors_, kSameErrors)) {
    found = nudge(Circle::same_error);
  }
  return found;
}

std::optional<Nudge> StuckDetector::after_text(std::string_view text, bool is_cut_off) {
  text = trim(text);
  if (text.empty() || is_cut_off) {
    if (++empty_count_ < kEmptyReplies) return std::nullopt;
    return nudge(Circle::empty_replies);
  }
  empty_count_ = 0;
  const std::string now = digest(text);
  const bool is_repeated = now == last_text_;
  last_text_ = now;
  return is_repeated ? nudge(Circle::same_text) : std::nullopt;
}

std::optional<Nudge> StuckDetector::nudge(Circle circle) {
  const unsigned bit = 1u << unsigned(circle);
  const bool was_named = (named_ & bit) != 0;
  named_ |= bit;
  ++nudge_count_;
  calls_.clear();  // a new chance begins here
  errors_.clear();
  empty_count_ = 0;
  return Nudge{circle, text_of(circle), was_named || nudge_count_ > kNudgesMax};
}

}  // namespace corvid::runtime
