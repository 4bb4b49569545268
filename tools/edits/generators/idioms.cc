#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

bool ends_operand(const Source& source, int last) {
  const std::string_view after = source.str(last);
  return after == ":" || after == "and" || after == "or" || after == ")" || after == "else" ||
         after == "]" || after == "," ||
         (last < source.count() && source.token(last).kind >= TokenKind::newline);
}

// Truth and being None are told apart, or no longer.
void test_none(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view before = source.str(i - 1);
  const bool tests = before == "if" || before == "elif" || before == "while" || before == "and" ||
                     before == "or" || before == "not" || before == "assert";
  if (tests && source.is_plain_name(i)) {
    const int last = source.primary_end(i);
    const std::string text(text_of(source, i, last));
    if (last < 0 || text.empty() || !ends_operand(source, last)) return;
    if (before == "not") {
      context.out.replace(i - 1, last, text + " is None", Kind::none_test);
    } else {
      context.out.replace(i, last, text + " is not None", Kind::none_test);
      context.out.replace(i, last, text + " is None", Kind::none_test);
    }
  }
  if (!source.is(i, "is")) return;
  const int none = source.is(i + 1, "not") ? i + 2 : i + 1;
  const int first = source.primary_begin(i - 1);
  if (!source.is(none, "None") || first < context.unit.first_token) return;
  const std::string text(text_of(source, first, i));
  if (text.empty()) return;
  const bool is_negated = none == i + 1;
  context.out.replace(first, none + 1, is_negated ? "not " + text : text, Kind::none_test);
}

// X becomes X or a value that stands for nothing.
void fall_back(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view before = source.str(i - 1);
  const bool starts = before == "=" || before == "return" || before == "(" || before == "in";
  if (!source.is_plain_name(i) || !starts) return;
  const int last = source.primary_end(i);
  if (last < 0 || !ends_operand(source, last)) return;
  if (before == "(" && !is_call(source, i - 1)) return;
  if (source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def")) return;
  const std::string text(text_of(source, i, last));
  if (text.empty()) return;
  for (const std::string_view other : {"[]", "{}", "''", "None"}) {
    context.out.replace(i, last, text + " or " + std::string(other), Kind::fallback);
  }
  if (before == "(" || before == "in") return;
  for (const std::string_view other : choices(context.facts.locals, text, context.facts, 3)) {
    context.out.replace(i, last, text + " or " + std::string(other), Kind::fallback);
  }
}

// x[k] and x.get(k), x.a and getattr(x, 'a').
void look_up(const Context& context, int i) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int close = source.match(i);
  if (source.is(i, "[") && close > i + 1 && source.primary_begin(i - 1) >= 0 &&
      !source.is(close + 1, "=")) {
    const std::string key(text_of(source, i + 1, close));
    for (int k = i + 1; k < close; ++k) {
      if (source.opener(k) == i && (source.is(k, ":") || source.is(k, ","))) return;
    }
    if (key.empty()) return;
    for (const std::string_view other : {"", ", None", ", ''", ", 0", ", []", ", {}"}) {
      out.replace(i, close + 1, ".get(" + key + std::string(other) + ")", Kind::lookup);
    }
    out.replace(i, close + 1, "(" + key + ")", Kind::lookup);
  }
  if (source.is(i, "(") && source.is(i - 1, "get") && source.is(i - 2, ".")) {
    const auto arguments = arguments_of(source, i);
    if (arguments.empty() || arguments.size() > 2) return;
    const std::string key(text_of(source, arguments[0].first, arguments[0].second));
    if (key.empty() || text_of(source, i, close).empty()) return;
    out.replace(i - 2, close + 1, "[" + key + "]", Kind::lookup);
    if (arguments.size() < 2) return;
    const std::string other(text_of(source, arguments[1].first, arguments[1].second));
    out.replace(i, close + 1, "(" + key + ") or " + other, Kind::lookup);
  }
  if (!source.is(i, ".") || !source.is_plain_name(i + 1) || is_call(source, i + 2)) return;
  const int first = source.primary_begin(i - 1);
  if (first < context.unit.first_token || source.is(i + 2, "=")) return;
  const std::string base(text_of(source, first, i));
  if (base.empty() || base == "self") return;
  const std::string name(source.str(i + 1));
  out.replace(first, i + 2, "getattr(" + base + ", '" + name + "', None)", Kind::lookup);
}

constexpr std::array<std::string_view, 9> kTypes = {"list", "tuple", "str",  "bytes",    "int",
                                                    "dict", "float", "bool", "Exception"};

// One more type that a value may be of.
void add_type(const Context& context, int open) {
  const Source& source = context.source;
  const auto arguments = arguments_of(source, open);
  const bool tests = source.is(open - 1, "isinstance") || source.is(open - 1, "issubclass");
  if (!tests || arguments.size() != 2) return;
  const auto [first, last] = arguments[1];
  std::string text(text_of(source, first, last));
  if (text.empty()) return;
  const bool is_tuple = text.front() == '(';
  if (is_tuple) text = text.substr(1, text.size() - 2);
  const auto offer = [&](std::string_view other) {
    const std::string more = text + ", " + std::string(other);
    context.out.replace(first, last, "(" + more + ")", Kind::add_type);
    if (!is_tuple) context.out.replace(first, last, other, Kind::add_type);
  };
  for (const std::string_view other : choices(context.file.types, text, context.facts, 12)) {
    offer(other);
  }
  for (const std::string_view other : kTypes) offer(other);
}

void add_exception(const Context& context, int first) {
  const Source& source = context.source;
  const int close = source.match(first);
  const std::string text(text_of(source, first + 1, close));
  if (text.empty()) return;
  const auto offer = [&](std::string_view other) {
    context.out.replace(first, close + 1, "(" + text + ", " + std::string(other) + ")",
                        Kind::add_type);
  };
  for (const std::string_view other : choices(context.file.exceptions, "", context.facts, 8)) {
    offer(other);
  }
  for (const std::string_view other : {"ValueError", "TypeError", "KeyError", "AttributeError",
                                       "IndexError", "OSError", "ImportError", "RuntimeError"}) {
    offer(other);
  }
}

}  // namespace

void generate_idioms(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    test_none(context, i);
    fall_back(context, i);
    look_up(context, i);
    if (is_call(source, i)) add_type(context, i);
    if (source.is(i, "except") && source.is(i + 1, "(")) add_exception(context, i + 1);
  });
}

}  // namespace corvid::tools::edits
