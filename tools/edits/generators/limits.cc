// Values that are kept between bounds, or that something stands in for where they are empty.

#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kBytesMax = 60;

// max(0, X) and the like, for a difference, a call or a name.
void bound(const Context& context, int first, int last) {
  const Source& source = context.source;
  const std::string text(text_of(source, first, last));
  if (text.empty() || text.size() > kBytesMax) return;
  bool subtracts = false;
  for (int i = first + 1; i < last; ++i) {
    if (source.opener(i) == source.opener(first)) subtracts = subtracts || source.is(i, "-");
  }
  if (!subtracts && source.primary_end(first) != last) return;
  const auto put = [&](const std::string& changed) {
    context.out.replace(first, last, changed, Kind::limit);
  };
  for (const std::string_view least : {"0", "1"}) {
    put("max(" + std::string(least) + ", " + text + ")");
    put("max(" + text + ", " + std::string(least) + ")");
  }
  for (const std::string_view name : choices(context.facts.locals, text, context.facts, 2)) {
    put("min(" + text + ", " + std::string(name) + ")");
    put("max(" + text + ", " + std::string(name) + ")");
  }
}

// X or 0, for an argument or an operand.
void stand_in(const Context& context, int first, int last) {
  const Source& source = context.source;
  const std::string text(text_of(source, first, last));
  if (text.empty() || text.size() > kBytesMax) return;
  const std::string_view before = source.str(first - 1), after = source.str(last);
  const bool is_operand = source.precedence(before) > 5 || before == "*" || before == "**";
  const bool ends = after == ")" || after == "," || after == "]" || after == "}" ||
                    (last < source.count() && source.token(last).kind >= TokenKind::newline);
  if (!ends) return;
  const bool is_value = before == "," || before == "(" || before == ":" || before == "=" ||
                        before == "return" || before == "+=" || before == "[";
  for (const std::string_view other : {"0", "1", "''", "()", "[]", "{}", "None"}) {
    const std::string joined = text + " or " + std::string(other);
    if (is_operand) context.out.replace(first, last, "(" + joined + ")", Kind::fallback);
    if (is_value) context.out.replace(first, last, joined, Kind::fallback);
  }
}

// X if X else Y becomes X or Y, and the other way round where X is no call.
void shorten_choice(const Context& context, int i) {
  const Source& source = context.source;
  const int first = source.primary_begin(i - 1);
  const int test = source.primary_end(i + 1);
  if (first < 0 || test < 0 || !source.is(test, "else")) return;
  const std::string text(text_of(source, first, i));
  if (text.empty() || text_of(source, i + 1, test) != text) return;
  context.out.replace(first, test + 1, text + " or", Kind::fallback);
}

}  // namespace

void generate_limits(const Context& context) {
  const Source& source = context.source;
  each_value(context, [&](int first, int last) { stand_in(context, first, last); });
  each_token(context, [&](int i) {
    if (source.is(i, "if")) shorten_choice(context, i);
    if (is_call(source, i)) {
      for (const auto& [first, last] : arguments_of(source, i)) bound(context, first, last);
    }
  });
  each_statement(context, [&](int, const Statement& s) {
    if (source.is(s.first_token, "return")) bound(context, s.first_token + 1, s.last_token);
    for (int i = s.first_token; i < s.last_token; ++i) {
      if (source.is(i, "=") && source.opener(i) < 0) {
        bound(context, i + 1, s.last_token);
        break;
      }
    }
  });
}

}  // namespace corvid::tools::edits
