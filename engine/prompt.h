#pragma once
// A conversation as the tokens that a model reads: what the template wrote is structure, what it
// was given is text.

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/chat.h"
#include "engine/tokenizer.h"
#include "runtime/base/json_fwd.h"

namespace corvid::engine {

struct Prompt {
  struct Span {
    size_t begin = 0, end = 0;
  };
  std::string text;
  // Where `text` holds, in order, what reads like a control token but came with the messages or
  // tools.
  std::vector<Span> literals;
};

// Const and thread-safe after construction.
class PromptWriter {
 public:
  // Throws invalid for a template that does not parse. `tokenizer` must outlive it.
  PromptWriter(const std::string& chat_template, const Tokenizer& tokenizer);

  // `context` as of ChatTemplate::render(), but for bos_token and eos_token, which are added. Of
  // the strings in it nothing becomes a control token.
  Prompt write(const OrderedJson& context) const;

  // What it writes behind the content of `messages[reply]`, an assistant's, from the end token of
  // that turn on; nullopt: it shows no such content, or ends turns otherwise.
  std::optional<Prompt> write_behind(const OrderedJson& context, size_t reply) const;

  // The tokens of what stands behind the first `from` bytes. At the very beginning a BOS is added
  // where the tokenizer asks for one and the template wrote none.
  std::vector<Token> encode(const Prompt& prompt, size_t from = 0) const;

  // Whether the template knows of thinking between <think> and </think>, and how it ends that.
  bool has_thinking() const { return !thinking_end_.empty(); }
  const std::string& thinking_end() const { return thinking_end_; }  // "\n</think>\n\n"

 private:
  std::string marked(std::string_view text) const;
  OrderedJson marked(const OrderedJson& json, int depth) const;
  std::string render(OrderedJson marked) const;
  Prompt unmarked(std::string_view rendered) const;

  ChatTemplate template_;
  const Tokenizer& tokenizer_;
  std::vector<std::string> specials_;  // longest first
  std::vector<std::string> ends_;      // texts of tokens that end a turn
  std::string thinking_end_;
  std::array<bool, 256> begins_{};     // first bytes of these
};

// Whether the reply to a prompt begins within thinking: it ends behind <think>.
bool ends_in_thinking(std::string_view prompt);

}  // namespace corvid::engine
