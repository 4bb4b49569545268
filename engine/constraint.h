#pragma once
// Which tokens may come next so that a tool call always parses and only names what exists.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/chat.h"
#include "engine/tokenizer.h"

namespace corvid::engine {

struct ToolShape {
  std::string name;
  std::string schema;  // JSON Schema of the arguments: objects, strings, integers with bounds, numbers,
                       // booleans, enums, arrays, required, no extra keys
  // Narrowing per argument name: the only values allowed in this generation (paths that exist,
  // choices that were offered). An empty list forbids the argument, or the tool when it is required.
  std::map<std::string, std::vector<std::string>> offered;
};

struct ConstraintSpec {
  CallSyntax syntax = CallSyntax::hermes_json;
  std::vector<ToolShape> tools;
  bool call_required = false;   // the turn must be a call: no free text before it
  bool allow_text = true;       // free text may precede a call, or be the whole turn
  int calls_max = 1;
};

// The state of one generation. Copyable (a fork of a sequence copies it). Fails closed: when nothing
// is allowed, only the end is.
class Constraint {
 public:
  // Throws invalid for a schema outside the supported part, naming tool and keyword.
  Constraint(const ConstraintSpec& spec, const Tokenizer& tokenizer);
  Constraint(const Constraint& other);
  Constraint& operator=(const Constraint& other);
  ~Constraint();

  // Sets logits of forbidden tokens to -infinity. (vocab_size)
  void mask(std::span<float> logits) const;
  // The only token allowed now, or -1 when there is a choice: it needs no sampling.
  Token forced() const;
  void accept(Token token);
  bool inside_call() const;
  bool may_end() const;
  // Tokens that close whatever is open, fewest first: what a generation that reaches its limit appends
  // so that the call still parses. Empty when nothing is open.
  std::vector<Token> closing() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
