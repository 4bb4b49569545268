#pragma once
// How long a model may think: tokens between <think> and </think>.

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/chat.h"

namespace corvid::engine {

// Follows a turn token by token. Copyable. Thinking that is begun again has what is left.
class ReasoningBudget {
 public:
  // `starts_inside`: the prompt ends behind <think>. `tokens_max` below 0: no limit.
  ReasoningBudget(bool starts_inside, int64_t tokens_max)
      : inside_(starts_inside), left_(tokens_max), is_limited_(tokens_max >= 0) {}

  // The bytes of the next token; tags may be spread over several. Returns what of them stands
  // behind a tag that ended the thinking.
  std::string accept(std::string_view bytes);

  bool inside() const { return inside_; }
  // The limit is reached, between two characters: the end is to be written now.
  bool is_due() const;

 private:
  bool inside_;
  int64_t left_;
  bool is_limited_;
  std::string tail_;  // newest text, in which a tag may have begun
};

}  // namespace corvid::engine
