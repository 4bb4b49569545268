#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<Change, 26> kChanges = {{
    {"<", {"<=", ">", ">=", "==", "!="}, Kind::compare},
    {"<=", {"<", ">=", ">", "==", ""}, Kind::compare},
    {">", {">=", "<", "<=", "==", "!="}, Kind::compare},
    {">=", {">", "<=", "<", "==", ""}, Kind::compare},
    {"==", {"!=", ">=", "<=", ">", "<"}, Kind::compare},
    {"!=", {"==", "<", ">", "", ""}, Kind::compare},
    {"+", {"-", "*", "", "", ""}, Kind::arithmetic},
    {"-", {"+", "", "", "", ""}, Kind::arithmetic},
    {"*", {"**", "/", "+", "%", "//"}, Kind::arithmetic},
    {"/", {"*", "//", "", "", ""}, Kind::arithmetic},
    {"//", {"/", "%", "*", "", ""}, Kind::arithmetic},
    {"%", {"//", "/", "*", "", ""}, Kind::arithmetic},
    {"**", {"*", "", "", "", ""}, Kind::arithmetic},
    {"&", {"|", "^", "", "", ""}, Kind::arithmetic},
    {"|", {"&", "^", "", "", ""}, Kind::arithmetic},
    {"^", {"&", "|", "", "", ""}, Kind::arithmetic},
    {"<<", {">>", "", "", "", ""}, Kind::arithmetic},
    {">>", {"<<", "", "", "", ""}, Kind::arithmetic},
    {"+=", {"-=", "=", "*=", "|=", ""}, Kind::augmented},
    {"-=", {"+=", "=", "", "", ""}, Kind::augmented},
    {"*=", {"/=", "+=", "=", "**=", "//="}, Kind::augmented},
    {"/=", {"*=", "//=", "=", "", ""}, Kind::augmented},
    {"//=", {"/=", "%=", "=", "", ""}, Kind::augmented},
    {"|=", {"&=", "=", "+=", "^=", ""}, Kind::augmented},
    {"&=", {"|=", "=", "", "", ""}, Kind::augmented},
    {"%=", {"//=", "*=", "=", "", ""}, Kind::augmented},
}};

// Turning a sign or a comparison round, or moving its edge, is likelier than what else could stand
// there.
Kind kind_of(std::string_view from, std::string_view to, Kind kind) {
  const auto are = [&](std::string_view a, std::string_view b) {
    return (from == a && to == b) || (from == b && to == a);
  };
  if (are("+", "-")) return Kind::sign_turn;
  if (are("+=", "-=")) return Kind::step_turn;
  if (are("<", "<=") || are(">", ">=")) return Kind::compare_edge;
  if (are("<", ">") || are("<=", ">=") || are("==", "!=")) return Kind::compare_turn;
  return kind;
}

bool is_binary(const Source& source, int i) {
  return source.primary_begin(i - 1) >= 0 && !source.is(i + 1, ")") && !source.is(i + 1, ",");
}

// What a comparison of values can be, besides another one.
void change_equality(const Context& context, int i) {
  const std::string_view text = context.source.str(i);
  if (text == "==") context.out.replace(i, i + 1, "is", Kind::identity);
  if (text == "!=") context.out.replace(i, i + 1, "is not", Kind::identity);
  if (text == "==") context.out.replace(i, i + 1, "in", Kind::membership);
  if (text == "!=") context.out.replace(i, i + 1, "not in", Kind::membership);
}

void change_word(const Context& context, int i) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const bool ends_operand = source.primary_begin(i - 1) >= 0;
  if (source.is(i, "and")) out.replace(i, i + 1, "or", Kind::boolean);
  if (source.is(i, "or")) out.replace(i, i + 1, "and", Kind::boolean);
  if (source.is(i, "is") && source.is(i + 1, "not")) {
    out.replace(i, i + 2, "is", Kind::membership);
    out.replace(i, i + 2, "!=", Kind::identity);
  } else if (source.is(i, "is")) {
    out.replace(i, i + 1, "is not", Kind::membership);
    out.replace(i, i + 1, "==", Kind::identity);
  }
  if (source.is(i, "not") && source.is(i + 1, "in") && ends_operand) {
    out.replace(i, i + 2, "in", Kind::membership);
  }
  if (!source.is(i, "in") || !ends_operand || source.is(i - 1, "not")) return;
  for (int k = i - 1; k > context.unit.first_token && k > i - 16; --k) {
    if (source.is(k, "for")) return;
    if (source.opener(k) != source.opener(i) || source.token(k).kind >= TokenKind::newline) break;
  }
  out.replace(i, i + 1, "not in", Kind::membership);
  out.replace(i, i + 1, "==", Kind::membership);
}

void swap_branches(const Context& context, int i) {
  const Source& source = context.source;
  int other = -1;
  for (int k = i + 1; k < context.unit.last_token && k < i + 60; ++k) {
    if (source.token(k).kind >= TokenKind::newline) break;
    if (source.opener(k) == source.opener(i) && source.is(k, "else")) other = k;
    if (other >= 0) break;
  }
  if (other < 0) return;
  int first = i - 1;
  while (first >= context.unit.first_token) {
    if (source.opener(first) != source.opener(i) && source.match(first) < 0) break;
    const std::string_view text = source.str(first);
    const bool stops = text == "=" || text == "return" || text == "," || text == "(" ||
                       text == "[" || text == "{" || text == ":" || text == "else" ||
                       source.token(first).kind >= TokenKind::newline;
    if (stops && source.match(first) < first) break;
    first = source.match(first) >= 0 && source.match(first) < first ? source.match(first) - 1
                                                                    : first - 1;
  }
  ++first;
  int last = other + 1;
  while (last < context.unit.last_token && source.token(last).kind < TokenKind::newline &&
         !(source.opener(last) == source.opener(i) &&
           (source.is(last, ",") || source.is(last, "for"))) &&
         !(source.opener(i) >= 0 && last == source.match(source.opener(i)))) {
    ++last;
  }
  const std::string_view yes = text_of(source, first, i), test = text_of(source, i + 1, other);
  const std::string_view no = text_of(source, other + 1, last);
  if (yes.empty() || test.empty() || no.empty() || yes == no) return;
  const std::string swapped =
      std::string(no) + " if " + std::string(test) + " else " + std::string(yes);
  context.out.replace(first, last, swapped, Kind::swap_branches);
}

}  // namespace

void change_operator(const Context& context, int i, std::span<const Change> changes) {
  const Source& source = context.source;
  const std::string_view text = source.str(i);
  for (const Change& change : changes) {
    if (change.from != text) continue;
    if (change.kind == Kind::arithmetic && !is_binary(source, i)) return;
    for (const std::string_view to : change.to) {
      if (!to.empty()) context.out.replace(i, i + 1, to, kind_of(text, to, change.kind));
    }
  }
}

void swap_operands(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view text = source.str(i);
  const int level = source.precedence(text);
  if (level < 5 || source.is(i - 1, "not") || !is_binary(source, i)) return;
  const bool commutes = text == "+" || text == "*" || text == "==" || text == "!=" ||
                        text == "is" || text == "&" || text == "|" || text == "^";
  if (commutes) return;
  const int first = source.left_operand(i), last = source.right_operand(i, i + 1);
  if (first < context.unit.first_token || last < 0) return;
  const std::string_view left = text_of(source, first, i), right = text_of(source, i + 1, last);
  if (left.empty() || right.empty() || left == right || text_of(source, first, last).empty())
    return;
  if (source.token(first).kind == TokenKind::string) return;
  if (text == "in" && source.is(first - 1, "for")) return;
  const std::string swapped =
      std::string(right) + " " + std::string(text) + " " + std::string(left);
  context.out.replace(first, last, swapped, Kind::swap_operands);
}

void generate_operators(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    const bool is_word = source.token(i).kind == TokenKind::name;
    if (source.token(i).kind == TokenKind::op) {
      change_operator(context, i, kChanges);
      change_equality(context, i);
    }
    if (is_word) change_word(context, i);
    swap_operands(context, i);
    const bool inside = is_word && source.is(i, "if") && source.primary_begin(i - 1) >= 0;
    if (inside) swap_branches(context, i);
  });
  each_statement(context, [&](int, const Statement& s) {
    for (int i = s.first_token + 1; i < s.last_token; ++i) {
      if (source.opener(i) >= 0 || !source.is(i, "=")) continue;
      for (const std::string_view to : {"+=", "-=", "*=", "|="}) {
        if (i == s.first_token + 1 || source.is(s.first_token + 1, ".")) {
          context.out.replace(i, i + 1, to, Kind::augmented);
        }
      }
      break;
    }
  });
}

}  // namespace corvid::tools::edits
