#pragma once
// Which tokens may come next so that a tool call always parses and only names what exists.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/chat.h"
#include "engine/tokenizer.h"

namespace corvid::engine {

struct ToolShape {
  std::string name;
  // JSON Schema (2020-12) of the arguments: objects (properties, required; other keys are written
  // only where there are no properties), strings (lengths, pattern, format), numbers (bounds,
  // whole multipleOf), arrays (items, prefixItems, counts, what they contain first), enum, const,
  // anyOf, oneOf, allOf, $ref within the schema (recursive values up to 12 deep),
  // patternProperties, unevaluated..., and of conditions (not, if, dependent...) what can be said
  // without a negation of lists. Keys are written in the schema's order. Keywords that JSON Schema
  // does not know say nothing. Values may be fewer than the schema allows, never others.
  std::string schema;
  // Narrowing per argument name: the only values allowed in this generation (paths that exist,
  // choices that were offered), for strings, integers and lists of these. An empty list forbids the
  // argument, or the tool when it is required.
  std::map<std::string, std::vector<std::string>> offered;
  // Arguments (strings that are not required) that copy: name -> the argument that names a source.
  // Only a passage of that source can be written; of any source as long as none is named; any text
  // when the name is no source's, or the source cannot be read.
  std::map<std::string, std::string> copied = {};
  // Arguments (strings) that are patches in the envelope of tools/support/patch.h. Lines that one
  // keeps or removes in a source are lines of it that follow one another; in other files they are
  // any text.
  std::set<std::string> patches = {};
};

// What arguments may copy from.
struct CopySource {
  std::vector<std::string> names;
  // UTF-8; nullopt: it cannot be read. Called when it is first needed, by any thread.
  std::function<std::optional<std::string>()> read;
};

// A model that thinks before it speaks, between <think> and </think>: there it writes what it
// likes, but neither begins a call nor ends the turn.
struct Thinking {
  bool is_open = false;     // the prompt ends behind <think>
  int64_t tokens_max = -1;  // what is longer is ended; below 0: no limit
  std::string end = "\n" + std::string(kThinkEndTag) + "\n\n";  // as PromptWriter::thinking_end()
};

struct ConstraintSpec {
  // The turn is one JSON value of this schema (as of a ToolShape, of any type) and nothing else: no
  // text, no calls. What is below then says nothing.
  std::optional<std::string> value_schema;
  CallSyntax syntax = CallSyntax::hermes_json;
  std::vector<ToolShape> tools;
  std::vector<CopySource> sources;  // of ToolShape::copied and patches
  bool call_required = false;   // the turn must be a call: no free text before it
  bool allow_text = true;       // free text may precede a call, or be the whole turn
  int calls_max = 1;            // llama3_json: never more than one
  int calls_before = 0;         // calls earlier in the conversation, which kimi counts
  std::optional<Thinking> thinking = {};  // what is above says nothing until it has ended
};

// The state of one generation, which writes calls canonically, as chat templates write them:
//   <tool_call>\n{"name": "read_file", "arguments": {"path": "a.py", "offset": 3}}\n</tool_call>
// In the XML syntax arguments come in any order (at most 62), strings are raw text without the
// closing tag, and True and False are read as well.
// Text that is settled is cut into tokens as Tokenizer::encode() cuts it; where there is a choice,
// every token that begins an allowed text is allowed. Copyable (a fork of a sequence copies it);
// copies may be used by different threads. Fails closed: when nothing is allowed, only the end is.
class Constraint {
 public:
  // Throws invalid for a schema outside the supported part, naming tool and keyword, and for a
  // value_schema that nothing satisfies. `tokenizer` must outlive it and its copies.
  Constraint(const ConstraintSpec& spec, const Tokenizer& tokenizer);
  Constraint(const Constraint& other);
  Constraint& operator=(const Constraint& other);
  ~Constraint();

  // Sets logits of forbidden tokens to -infinity. (vocab_size)
  void mask(std::span<float> logits) const;
  // The only token allowed now, or -1 when there is a choice: it needs no sampling.
  Token forced() const;
  bool allows(Token token) const;  // as mask() and forced() have it
  // Throws invalid for a token that cannot stand here.
  void accept(Token token);
  bool inside_call() const;  // or inside of the value that is asked for
  bool may_end() const;
  // The shortest text that closes open thinking or an open call, in tokens: what a generation that
  // reaches its limit appends so that the call still parses and matches its schema. Empty when
  // nothing is open.
  std::vector<Token> closing() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
