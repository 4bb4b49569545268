#pragma once
// From messages to prompt text, and from a model's text back to messages and calls.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json_fwd.h"

namespace corvid::engine {

// Keeps keys in the order in which they were written, as templates print them.
using OrderedJson = nlohmann::ordered_json;

// The value of JSON `text`; one of which is_discarded() holds when it is none, or nests deeper than
// kJsonDepthMax.
OrderedJson parse_ordered(std::string_view text);

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
  // <tool_call>\n<function=N>\n<parameter=A>\nVALUE\n</parameter>\n</function>\n</tool_call>
  xml,          // Nemotron 3, Qwen3.5, Qwen3-Coder, Step 3.5
  llama3_json,  // {"name": N, "parameters": {...}}, as the whole turn or behind <|python_tag|>
  kimi,  // <|tool_call_begin|>functions.N:0<|tool_call_argument_begin|>{...}<|tool_call_end|>
};

// The syntax that a chat template writes; hermes_json where it shows none of the others.
CallSyntax call_syntax(std::string_view chat_template);

// What stands around the thinking of a model.
inline constexpr std::string_view kThinkTag = "<think>", kThinkEndTag = "</think>";

struct ParsedCall {
  std::string name;
  std::string arguments;  // JSON object text
};

struct CallParserOptions {
  bool split_reasoning = false;    // text between <think> and </think> goes to reasoning()
  bool starts_in_reasoning = false;  // the prompt ends behind <think>
  // Tool name to JSON Schema of its arguments: gives the values of the XML syntax their types.
  // Without a type a value is a string.
  std::map<std::string, std::string> schemas;
};

// What a model's text so far says. Fed with text as it streams.
class CallParser {
 public:
  explicit CallParser(CallSyntax syntax, CallParserOptions options = {});
  ~CallParser();
  CallParser(CallParser&&) noexcept;
  CallParser& operator=(CallParser&&) noexcept;

  // Returns the plain text that may be shown now (text that could still begin a call is held back).
  // White space between calls is dropped. A call ends the reasoning in which it begins.
  std::string push(std::string_view text);
  // Ends the stream; throws nothing. A call that is whole but for its closing tags counts.
  std::string finish();
  const std::vector<ParsedCall>& calls() const;
  // What was reasoned so far, without white space around it.
  std::string reasoning() const;
  // A call was opened and is not whole, or what it held was not a call.
  bool broken() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
