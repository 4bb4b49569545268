#pragma once
// One function per group of repairs; a language lists those that it runs.

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

// The expression after `if`, `while` and so on at token `head`: one past its end, or -1.
int condition_end(const Context& context, int head);

}  // namespace corvid::tools::edits
