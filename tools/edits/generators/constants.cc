#include <charconv>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

bool small_integer(std::string_view text, int& value) {
  if (text.empty() || text.size() > 8 ||
      text.find_first_not_of("0123456789") != std::string_view::npos) {
    return false;
  }
  std::from_chars(text.data(), text.data() + text.size(), value);
  return true;
}

void change_number(const Context& context, int i) {
  const Source& source = context.source;
  Candidates& out = context.out;
  int value = 0;
  if (!small_integer(source.str(i), value)) return;
  const bool is_negative = source.is(i - 1, "-") && source.primary_begin(i - 2) < 0;
  out.replace(i, i + 1, std::to_string(value + 1), Kind::number);
  if (value > 0) out.replace(i, i + 1, std::to_string(value - 1), Kind::number);
  if (value == 0) out.replace(i, i + 1, "-1", Kind::number);
  if (is_negative) {
    out.replace(i - 1, i + 1, std::to_string(value), Kind::minus);
    out.replace(i - 1, i + 1, std::to_string(value - 1), Kind::number);
  } else if (value > 0) {
    out.replace(i, i + 1, "-" + std::to_string(value), Kind::minus);
  }
  if (value > 1) out.replace(i, i + 1, "0", Kind::number);
}

// What stands after an `=` alone: an initial value or a default.
void change_value(const Context& context, int first, int last, Kind kind) {
  Candidates& out = context.out;
  const std::string_view text = text_of(context.source, first, last);
  const auto offer = [&](std::initializer_list<std::string_view> values) {
    for (const std::string_view value : values) out.replace(first, last, value, kind);
  };
  if (text == "None") offer({"[]", "{}", "0", "True", "False", "''", "()", "\"\"", "1"});
  if (text == "[]") offer({"None", "{}", "set()"});
  if (text == "{}") offer({"None", "[]", "set()"});
  if (text == "()") offer({"None"});
  if (text == "''" || text == "\"\"") offer({"None", "[]"});
  if (text == "0") offer({"None", "1", "-1", "True", "False"});
  if (text == "1") offer({"0", "2", "None", "True"});
  if (text == "2" || text == "-1") offer({"1", "0", "None"});
  if (text == "True" || text == "False") offer({"None", "0"});
}

// Whether a name stands by itself in a tuple or as the value of a lambda, as keys of orders do.
bool is_sorting(const Source& source, int i) {
  const int open = source.opener(i);
  if (open < 0) return false;
  if (source.is(open, "(") && source.primary_begin(open - 1) < 0 && !source.is(open - 2, "def")) {
    return source.is(i + 1, ",") || source.is(i - 1, ",");
  }
  for (int k = i - 1; k > open; --k) {
    if (source.is(k, "lambda")) return source.is(i - 1, ":");
  }
  return false;
}

void change_sign(const Context& context, int i) {
  const Source& source = context.source;
  const bool unary = source.is(i, "-") && source.primary_begin(i - 1) < 0;
  if (unary) context.out.replace(i, i + 1, "", Kind::minus);
  const std::string_view before = source.str(i - 1);
  const bool operand = before == "*" || before == "+" || before == "return" || before == "(" ||
                       before == "," || before == "=" || before == "[";
  const bool element = operand || before == ":" || before == "/";
  if (!source.is_plain_name(i) || !element) return;
  const int end = source.primary_end(i);
  if (operand && end == i + 1) {
    const bool follows_math =
        before == "*" || before == "+" || source.precedence(source.str(i + 1)) >= 10;
    if (follows_math || is_sorting(source, i)) context.out.replace(i, i, "-", Kind::minus);
  } else if (end > i + 1 && source.is(i + 1, ".") && !source.is(end - 1, ")")) {
    context.out.replace(i, i, "-", Kind::minus);
  }
}

}  // namespace

void generate_constants(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.is(i, "True")) context.out.replace(i, i + 1, "False", Kind::truth);
    if (source.is(i, "False")) context.out.replace(i, i + 1, "True", Kind::truth);
    if (source.token(i).kind == TokenKind::number) change_number(context, i);
    change_sign(context, i);
    if (!source.is(i, "=")) return;
    int last = i + 1;
    while (last < context.unit.last_token && source.token(last).kind < TokenKind::newline &&
           !source.is(last, ",") &&
           !(source.opener(i) >= 0 && last == source.match(source.opener(i)))) {
      last = source.match(last) > last ? source.match(last) + 1 : last + 1;
    }
    const bool in_def = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
    if (source.opener(i) < 0) change_value(context, i + 1, last, Kind::initial_value);
    if (in_def) change_value(context, i + 1, last, Kind::default_value);
  });
}

}  // namespace corvid::tools::edits
