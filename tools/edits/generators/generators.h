#pragma once
// One function per group of repairs; a language lists those that it runs.

#include <array>
#include <span>
#include <string_view>

#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

#define X(id) void generate_##id(const Context& context);
#include "tools/edits/generators/generators.inc"
#undef X

// Calls visit(token) for each token of the unit that is no newline, indent or dedent.
template <typename Visit>
void each_token(const Context& context, Visit visit) {
  for (int i = context.unit.first_token; i < context.unit.last_token; ++i) {
    if (context.source.token(i).kind < TokenKind::newline) visit(i);
  }
}

// Calls visit(index, statement) for each statement of the unit.
template <typename Visit>
void each_statement(const Context& context, Visit visit) {
  for (int k = context.facts.first_statement; k < context.facts.last_statement; ++k) {
    visit(k, context.source.statements()[static_cast<size_t>(k)]);
  }
}

// An operator and what may stand in its place; empty texts are none.
struct Change {
  std::string_view from;
  std::array<std::string_view, 5> to;
  Kind kind;
};
void change_operator(const Context& context, int token, std::span<const Change> changes);

// a - b becomes b - a, likewise a < b.
void swap_operands(const Context& context, int token);

// x + 1 and x - 1 become x; `token` is the number.
void drop_step(const Context& context, int token);

// f(x) becomes x, x.m() becomes x.
void unwrap_call(const Context& context, int open);

// An offset added to, or taken from, an expression in brackets.
void change_offset(const Context& context, int first, int last, Kind kind);

// The expression after `if`, `while` and so on at token `head`: one past its end, or -1.
int condition_end(const Context& context, int head);

}  // namespace corvid::tools::edits
