#include "runtime/providers/support/window.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kTokensMax = int64_t{1} << 40;  // what is more is no count of tokens
constexpr int kReplyTokensMin = 16;

constexpr std::array<std::string_view, 7> kSigns = {
    "context_length_exceeded",  "exceed_context_size", "exceeds the available context size",
    "exceed context limit",     "prompt is too long",  "exceeds the context",
    "context the overflows"};
// Other errors may tell of it, too.
constexpr std::array<std::string_view, 5> kMentions = {
    "maximum context length", "available context size", "context window", "context length",
    "input token count"};

// "N" is where the number stands.
constexpr std::array<std::string_view, 8> kWindows = {
    "maximum context length is N", "\"n_ctx\":N", "tokens > N maximum", "context limit: M + M > N",
    "maximum number of tokens allowed (N", "context length of only N",
    "too large for model with N",  "context window of N"};
constexpr std::array<std::string_view, 8> kUses = {
    "(N in the messages", "resulted in N tokens", "your request has N input tokens",
    "\"n_prompt_tokens\":N", "prompt is too long: N tokens", "context limit: N +",
    "input token count (N", "prompt contains N tokens"};

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The number at N where `text` from `at` on is like `pattern`; M is any other number.
std::optional<int64_t> match(std::string_view text, size_t at, std::string_view pattern) {
  int64_t found = 0;
  for (const char c : pattern) {
    while (c != ' ' && at < text.size() && text[at] == ' ') ++at;  // JSON may have blanks
    if (c != 'N' && c != 'M') {
      if (at == text.size() || text[at] != c) return std::nullopt;
      ++at;
      continue;
    }
    if (at == text.size() || !is_digit(text[at])) return std::nullopt;
    int64_t number = 0;
    for (; at < text.size() && is_digit(text[at]); ++at) {
      number = std::min(number * 10 + (text[at] - '0'), kTokensMax);
    }
    if (c == 'N') found = number;
  }
  return found > 0 && found < kTokensMax ? std::optional(found) : std::nullopt;
}

int64_t number_in(std::string_view text, std::span<const std::string_view> patterns) {
  for (const std::string_view pattern : patterns) {
    for (size_t at = 0; at < text.size(); ++at) {
      if (const auto found = match(text, at, pattern)) return *found;
    }
  }
  return 0;
}

size_t bytes_of(std::span<const Message> messages) {
  size_t bytes = 0;
  for (const Message& message : messages) bytes += bytes_of(message);
  return bytes;
}

}  // namespace

std::optional<TooLong> read_too_long(std::string_view text, bool is_refusal) {
  const std::string lower = lower_case(text.substr(0, 16 << 10));
  const auto is_said = [&](std::string_view sign) { return lower.find(sign) != lower.npos; };
  const bool is_named = std::ranges::any_of(kSigns, is_said);
  if (!is_named && std::ranges::none_of(kMentions, is_said)) return std::nullopt;
  TooLong found;
  found.window = number_in(lower, kWindows);
  found.used = number_in(lower, kUses);
  const bool is_counted = found.window > 0 && found.used > 0;
  return is_named || is_refusal || is_counted ? std::optional(found) : std::nullopt;
}

Reply too_long_reply(const TooLong& refusal) {
  Reply reply;
  reply.end = ReplyEnd::too_long;
  reply.message.content = refusal.words;
  return reply;
}

void WindowMeter::report(const TokenCounts& counts, size_t message_count) {
  reported_ = counts.prefilled + counts.reused + counts.generated;
  known_count_ = reported_ > 0 ? message_count : 0;
}

void WindowMeter::learn(const TooLong& refusal, std::span<const Message> messages,
                        size_t fixed_bytes) {
  const int64_t believed = use(messages, {}, fixed_bytes).used;
  if (refusal.window > 0) {
    window_ = refusal.window;
    is_learnt_ = true;
  } else if (refusal.used > 0 || believed < window_) {
    window_ = refusal.used > 0 ? refusal.used : believed;
  }
  reported_ = refusal.used > 0 ? refusal.used : std::max(believed, window_);
  known_count_ = messages.size();
  const double bytes = double(bytes_of(messages) + fixed_bytes);
  if (refusal.used > 0) {
    bytes_per_token_ = std::clamp(bytes / double(refusal.used), 0.5, bytes_per_token_);
  }
}

ContextUse WindowMeter::use(std::span<const Message> messages, std::span<const Message> added,
                            size_t fixed_bytes) const {
  const size_t bytes = (reported_ > 0 ? 0 : fixed_bytes) +
                       bytes_of(messages.subspan(known_count_)) + bytes_of(added);
  return {reported_ + int64_t(double(bytes) / bytes_per_token_), window_};
}

int WindowMeter::reply_tokens(int tokens_max, std::span<const Message> messages,
                              size_t fixed_bytes) const {
  if (!is_learnt_) return tokens_max;
  const int64_t room = window_ - use(messages, {}, fixed_bytes).used;
  return int(std::min<int64_t>(tokens_max, std::max<int64_t>(room, kReplyTokensMin)));
}

}  // namespace corvid::runtime
