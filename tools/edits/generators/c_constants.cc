#include <charconv>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kNumbersMax = 10;

// A number with its suffix: `10UL`, `0x7f`. False where it is no small integer.
bool split_number(std::string_view text, int64_t& value, bool& is_hex, std::string& suffix) {
  const size_t digits = text.find_last_not_of("uUlLzZ");
  if (digits == std::string_view::npos || digits > 12) return false;
  suffix = std::string(text.substr(digits + 1));
  std::string_view number = text.substr(0, digits + 1);
  is_hex = number.starts_with("0x") || number.starts_with("0X");
  if (is_hex) number.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(number.data(), number.data() + number.size(), value, is_hex ? 16 : 10);
  return error == std::errc() && end == number.data() + number.size();
}

std::string written(int64_t value, bool is_hex, const std::string& suffix) {
  if (!is_hex) return std::to_string(value) + suffix;
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value, 16);
  return "0x" + std::string(digits, end) + suffix;
}

void change_number(const Context& context, int i) {
  const Source& source = context.source;
  Candidates& out = context.out;
  int64_t value = 0;
  bool is_hex = false;
  std::string suffix;
  if (!split_number(source.str(i), value, is_hex, suffix)) return;
  const auto put = [&](int64_t other) {
    out.replace(i, i + 1, written(other, is_hex, suffix), Kind::number);
  };
  const bool is_negative = source.is(i - 1, "-") && source.primary_begin(i - 2) < 0;
  put(value + 1);
  if (value > 0) put(value - 1);
  if (value == 0) out.replace(i, i + 1, "-1", Kind::number);
  if (value > 1) put(0);
  if (value > 1) put(1);
  if (value > 2) put(value * 2);
  if (value > 3 && value % 2 == 0) put(value / 2);
  if (is_negative) {
    out.replace(i - 1, i + 1, written(value, is_hex, suffix), Kind::minus);
    if (value == 1) out.replace(i - 1, i + 1, "0", Kind::number);
  } else if (value > 0) {
    out.replace(i, i + 1, "-" + written(value, is_hex, suffix), Kind::minus);
  }
}

void change_letter(const Context& context, int i) {
  const std::string text(context.source.str(i));
  if (text.size() != 3) return;
  const char c = text[1];
  const auto put = [&](char other) {
    context.out.replace(i, i + 1, std::string("'") + other + "'", Kind::number);
  };
  if (c >= 'a' && c <= 'z') put(static_cast<char>(c - 32));
  if (c >= 'A' && c <= 'Z') put(static_cast<char>(c + 32));
  if (c == '0') put('1');
  if (c == '1') put('0');
  if (c == '9') put('8');
  if (c == '(') put(')');
  if (c == ')') put('(');
  if (c == '[') put(']');
  if (c == ']') put('[');
  if (c == '{') put('}');
  if (c == '}') put('{');
  if (c == ' ') context.out.replace(i, i + 1, "'\\t'", Kind::number);
}

// What stands behind an `=` alone.
void change_value(const Context& context, int first, int last) {
  const std::string_view text = text_of(context.source, first, last);
  const auto offer = [&](std::initializer_list<std::string_view> values) {
    for (const std::string_view value : values) {
      context.out.replace(first, last, value, Kind::initial_value);
    }
  };
  if (text == "0") offer({"1", "-1"});
  if (text == "1") offer({"0", "2", "-1"});
  if (text == "-1") offer({"0", "1"});
}

void change_sign(const Context& context, int i) {
  const Source& source = context.source;
  const bool is_unary = source.is(i, "-") && source.primary_begin(i - 1) < 0;
  if (is_unary) context.out.replace(i, i + 1, "", Kind::minus);
  if (source.is(i, "~")) context.out.replace(i, i + 1, "", Kind::minus);
  const std::string_view before = source.str(i - 1);
  const bool is_operand = before == "*" || before == "+" || before == "return" || before == "(" ||
                          before == "," || before == "=" || before == "[" || before == "?" ||
                          before == ":";
  const bool is_value = source.is_plain_name(i) && source.role(i) == Role::value;
  if (is_operand && is_value && source.primary_begin(i - 2) < 0) {
    context.out.replace(i, i, "-", Kind::minus);
  }
  if (is_value && (before == "&" || before == "&=")) context.out.replace(i, i, "~", Kind::minus);
}

}  // namespace

void generate_c_constants(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.is(i, "true")) context.out.replace(i, i + 1, "false", Kind::truth);
    if (source.is(i, "false")) context.out.replace(i, i + 1, "true", Kind::truth);
    if (source.token(i).kind == TokenKind::number) {
      if (source.str(i)[0] == '\'')
        change_letter(context, i);
      else
        change_number(context, i);
      const std::string_view now = source.str(i);
      for (const std::string_view other :
           choices(context.file.numbers, now, context.facts, kNumbersMax)) {
        context.out.replace(i, i + 1, other, Kind::number_seen);
      }
    }
    change_sign(context, i);
    if (!source.is(i, "=")) return;
    int last = i + 1;
    while (last < context.unit.last_token && source.token(last).kind < TokenKind::newline &&
           !source.is(last, ",") && !source.is(last, ";") &&
           !(source.opener(i) >= 0 && last == source.match(source.opener(i)))) {
      last = source.match(last) > last ? source.match(last) + 1 : last + 1;
    }
    change_value(context, i + 1, last);
  });
}

}  // namespace corvid::tools::edits
