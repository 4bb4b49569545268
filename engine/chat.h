#pragma once
// From messages to prompt text, and from a model's text back to messages and calls.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json_fwd.h"

namespace corvid::engine {

// Keeps keys in the order in which they were written, as templates print them.
using OrderedJson = nlohmann::ordered_json;

// A chat template in Jinja, as model files carry it.
class ChatTemplate {
 public:
  // Throws invalid with line and column for a template that does not parse.
  explicit ChatTemplate(std::string source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // `context` holds messages, tools, add_generation_prompt, bos_token, eos_token and whatever else
  // the template reads (enable_thinking, ...). Throws invalid with the template's own message for
  // raise_exception, or with line and column for a failure inside. Bounded in steps and output.
  std::string render(const OrderedJson& context) const;
  // The same with the keys of every object sorted.
  std::string render(const Json& context) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The syntax in which a model writes tool calls.
enum class CallSyntax {
  hermes_json,  // <tool_call>\n{"name": N, "arguments": {...}}\n</tool_call>
};

struct ParsedCall {
  std::string name;
  std::string arguments;  // JSON object text
};

// What a model's text so far says. Fed with text as it streams.
class CallParser {
 public:
  explicit CallParser(CallSyntax syntax) : syntax_(syntax) {}
  // Returns the plain text that may be shown now (text that could still begin a call is held back).
  // White space between calls is dropped.
  std::string push(std::string_view text);
  // Ends the stream; throws nothing. A call whose JSON is whole counts even if the end came before
  // its closing tag.
  std::string finish();
  const std::vector<ParsedCall>& calls() const { return calls_; }
  // A call was opened and is not whole, or what it held was not a call.
  bool broken() const { return broken_; }

 private:
  bool scan();
  void take_call(std::string_view json);
  void close_call();

  CallSyntax syntax_;
  std::string pending_;  // text that may begin a call, or what follows an opening tag
  std::vector<ParsedCall> calls_;
  bool broken_ = false;
  // Inside a call: how far `pending_` has been read, and where in its JSON that is.
  bool inside_ = false, after_call_ = false;
  size_t scanned_ = 0, json_end_ = 0;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, bad_ = false;
};

}  // namespace corvid::engine
