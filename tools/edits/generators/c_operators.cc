#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<Change, 31> kChanges = {{
    {"<", {"<=", ">", ">=", "==", "!="}, Kind::compare},
    {"<=", {"<", ">=", ">", "==", "!="}, Kind::compare},
    {">", {">=", "<", "<=", "==", "!="}, Kind::compare},
    {">=", {">", "<=", "<", "==", "!="}, Kind::compare},
    {"==", {"!=", ">=", "<=", ">", "<"}, Kind::compare},
    {"!=", {"==", "<", ">", "<=", ">="}, Kind::compare},
    {"&&", {"||", "&", "", "", ""}, Kind::boolean},
    {"||", {"&&", "|", "", "", ""}, Kind::boolean},
    {"+", {"-", "*", "|", "", ""}, Kind::arithmetic},
    {"-", {"+", "/", "", "", ""}, Kind::arithmetic},
    {"*", {"/", "+", "%", "-", ""}, Kind::arithmetic},
    {"/", {"*", "%", ">>", "-", ""}, Kind::arithmetic},
    {"%", {"/", "*", "&", "", ""}, Kind::arithmetic},
    {"&", {"|", "^", "&&", "%", ""}, Kind::arithmetic},
    {"|", {"&", "^", "||", "+", ""}, Kind::arithmetic},
    {"^", {"&", "|", "", "", ""}, Kind::arithmetic},
    {"<<", {">>", "<", "*", "", ""}, Kind::arithmetic},
    {">>", {"<<", ">", "/", "", ""}, Kind::arithmetic},
    {"+=", {"-=", "=", "*=", "|=", ""}, Kind::augmented},
    {"-=", {"+=", "=", "/=", "", ""}, Kind::augmented},
    {"*=", {"/=", "+=", "=", "<<=", ""}, Kind::augmented},
    {"/=", {"*=", "%=", "=", "-=", ">>="}, Kind::augmented},
    {"%=", {"/=", "&=", "=", "", ""}, Kind::augmented},
    {"|=", {"&=", "=", "+=", "^=", ""}, Kind::augmented},
    {"&=", {"|=", "=", "^=", "%=", ""}, Kind::augmented},
    {"^=", {"&=", "|=", "=", "", ""}, Kind::augmented},
    {"<<=", {">>=", "=", "*=", "", ""}, Kind::augmented},
    {">>=", {"<<=", "=", "/=", "", ""}, Kind::augmented},
    {"++", {"--", "", "", "", ""}, Kind::step_turn},
    {"--", {"++", "", "", "", ""}, Kind::step_turn},
    {"==", {"=", "", "", "", ""}, Kind::assignment},
}};

// i++ and ++i, where their value is used.
void turn_step(const Context& context, int i) {
  const Source& source = context.source;
  const int statement = source.statement_of(i);
  if (statement < 0) return;
  const Statement& s = source.statements()[static_cast<size_t>(statement)];
  if (i == s.first_token || i == s.last_token - 1) return;
  if (source.opener(i) >= 0 && source.is(source.opener(i) - 1, "for")) return;
  const std::string sign(source.str(i));
  const int end = source.primary_end(i + 1), begin = source.primary_begin(i - 1);
  if (begin < 0 && end > i + 1) {
    const std::string text(text_of(source, i + 1, end));
    if (!text.empty()) context.out.replace(i, end, text + sign, Kind::increment);
  } else if (begin >= context.unit.first_token) {
    const std::string text(text_of(source, begin, i));
    if (!text.empty()) context.out.replace(begin, i + 1, sign + text, Kind::increment);
  }
}

// c ? a : b becomes c ? b : a.
void swap_choices(const Context& context, int question) {
  const Source& source = context.source;
  int colon = -1, last = -1, depth = 0;
  for (int k = question + 1; k < context.unit.last_token && last < 0; ++k) {
    const bool leaves = source.opener(k) != source.opener(question);
    const bool closes = source.opener(question) >= 0 && k == source.match(source.opener(question));
    const bool is_here = !leaves || closes;
    if (source.token(k).kind >= TokenKind::newline || closes) last = k;
    if (is_here && source.is(k, "?")) ++depth;
    if (is_here && source.is(k, ":") && depth-- == 0) colon = k;
    if (is_here && source.is(k, ",") && colon >= 0) last = k;
  }
  if (colon < 0 || last < 0) return;
  const std::string yes(text_of(source, question + 1, colon));
  const std::string no(text_of(source, colon + 1, last));
  if (yes.empty() || no.empty() || yes == no) return;
  context.out.replace(question + 1, last, no + " : " + yes, Kind::swap_branches);
}

}  // namespace

void generate_c_operators(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.token(i).kind != TokenKind::op || source.role(i) == Role::type) return;
    const std::string_view text = source.str(i);
    const bool is_pointer = text == "*" || text == "&" || text == "&&";
    if (is_pointer && (source.role(i - 1) == Role::type || source.primary_begin(i - 1) < 0)) return;
    change_operator(context, i, kChanges);
    swap_operands(context, i);
    if (text == "++" || text == "--") turn_step(context, i);
    if (text == "?") swap_choices(context, i);
    if (text != "=" || source.role(i - 1) == Role::declared) return;
    if (source.opener(i) >= 0) context.out.replace(i, i + 1, "==", Kind::assignment);
    for (const std::string_view to : {"+=", "-=", "*=", "|=", "&=", "^="}) {
      context.out.replace(i, i + 1, to, Kind::augmented);
    }
  });
}

}  // namespace corvid::tools::edits
