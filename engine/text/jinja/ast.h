#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/text/jinja/value.h"

namespace corvid::engine::jinja {

using Function = Value (*)(Interpreter&, const Value& subject, const Args&);

enum class NodeKind {
  // expressions
  constant, name, list, tuple, dict, attribute, item, slice, call, filter, test, negation, minus,
  plus, binary, compare, logical_and, logical_or, conditional,
  // statements
  text, print, sequence, loop, branch, set, set_block, macro, call_block, filter_block, with,
  break_loop, continue_loop
};

struct Node;
using NodePtr = std::unique_ptr<Node>;

// One shape for all kinds; which fields are used:
// name, attribute, filter, test, text, macro, binary: `text` (name or operator).
// list, tuple: kids. dict: kids are keys and values in turn. item: object, key.
// slice: object, begin, end, step (each of the last three may be null).
// call: callee, then args and named. filter, test: subject, then args; `function`.
// compare: first operand, then one kid per operator of `names`.
// conditional: value, condition, otherwise (may be null).
// loop: kids iterable, condition (may be null); `names` targets; body; otherwise.
// branch: kids condition; body; otherwise. set: kids value; `names` targets, or kids value and
// object with `text` the attribute. macro: `names` parameters, kids their defaults (null: none).
// call_block: kids call; `names` parameters. with: `names` and kids values.
struct Node {
  NodeKind kind;
  int line = 0, column = 0;
  std::string text;
  Value value;
  std::vector<NodePtr> kids;
  std::vector<NodePtr> args;
  std::vector<std::pair<std::string, NodePtr>> named;
  std::vector<std::string> names;
  std::vector<NodePtr> body, otherwise;
  Function function = nullptr;
};

// nullptr: no such filter, test or method.
Function find_filter(std::string_view name);
Function find_test(std::string_view name);
Function find_method(const Value& object, std::string_view name);

// Throws invalid with line and column.
NodePtr parse(std::string_view source);

}  // namespace corvid::engine::jinja
