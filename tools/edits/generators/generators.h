#pragma once
// One function per group of repairs; a language lists those that it runs.

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// Calls visit(first, last) for each name with its trailers that is read as a value.
void each_value(const Context& context, const std::function<void(int, int)>& visit);

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

// The operands of the `and` or `or` at token `i` each take the place of both. Gives the tokens
// [first, last) of the whole; empty where there is none.
std::pair<int, int> drop_operand(const Context& context, int i);

// What the file joins with others by `and` and `or`, of names at hand: at most `limit`, not `text`.
std::vector<std::string_view> known_operands(const Context& context, std::string_view text,
                                             size_t limit);

// An expression that decides: after `if`, `while` and so on, or a comparison that is a result.
struct Decision {
  int first = 0;
  int last = 0;
  std::string text;
  bool is_mixed = false;  // has `or` or a ternary at its top
  bool tests = false;     // no result
};
void each_condition(const Context& context, const std::function<void(const Decision&)>& visit);

// Offers the condition joined by `and` and, where `other` has none, by `or`.
void join_condition(const Context& context, const Decision& spot, const std::string& other,
                    Kind kind);

// The whole condition [first, last) becomes another one that the file has.
void exchange_condition(const Context& context, int first, int last);

// A name becomes what stands beside it in a pair.
using Opposite = std::pair<std::string_view, std::string_view>;
void change_to_opposite(const Context& context, int i, std::span<const Opposite> opposites);

// What may stand in place of the result `text`: at most `file_max` of the file's other results,
// then at most `names_max` locals, each followed by itself behind `negation`.
std::vector<std::string> other_results(const Context& context, std::string_view text,
                                       size_t file_max, size_t names_max,
                                       std::string_view negation);

// Whether the statement right before the gap stands in the gap's own block and leaves it.
bool is_unreachable(const Context& context, const Gap& gap);

// Statements that follow `before` or lead `next` elsewhere in the file, but for `next` itself.
std::vector<std::string_view> lines_between(const Context& context, std::string_view before,
                                            std::string_view next);

}  // namespace corvid::tools::edits
