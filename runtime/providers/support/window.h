#pragma once
// How full the window of a model behind a server is, and what its refusals say about that.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/provider.h"

namespace corvid::runtime {

// A server's refusal of a conversation that is too long for its model.
struct TooLong {
  int64_t window = 0;  // tokens, as the server names them; 0: it does not
  int64_t used = 0;    // by the conversation
  std::string words;   // the server's own
};

// What the error `text` of an HTTP answer means: the wordings of OpenAI and servers like it, vLLM,
// llama.cpp's two servers, Anthropic, Mistral and Gemini. nullopt for every other error. Where the
// answer was no refusal of what was asked (`is_refusal`: HTTP 400, 413, 422), words that only touch
// on the window do not count.
std::optional<TooLong> read_too_long(std::string_view text, bool is_refusal);

// The reply that says so.
Reply too_long_reply(const TooLong& refusal);

// What the server last reported, and three bytes to a token for what came since, or fewer where a
// refusal has shown that.
class WindowMeter {
 public:
  explicit WindowMeter(int64_t window) : window_(window) {}

  void report(const TokenCounts& counts, size_t message_count);
  void forget_report() { reported_ = 0, known_count_ = 0; }
  // Takes in a refusal of `messages`: they are what the server counted, or fill the window.
  void learn(const TooLong& refusal, std::span<const Message> messages, size_t fixed_bytes);

  ContextUse use(std::span<const Message> messages, std::span<const Message> added,
                 size_t fixed_bytes) const;
  // At most `tokens_max`: some servers refuse a reply that the window has no room for. Only where
  // the window is known from the server.
  int reply_tokens(int tokens_max, std::span<const Message> messages, size_t fixed_bytes) const;

 private:
  int64_t window_;
  bool is_learnt_ = false;
  double bytes_per_token_ = 3;
  int64_t reported_ = 0;    // 0: none, or none since a restart
  size_t known_count_ = 0;  // messages that it covers
};

}  // namespace corvid::runtime
