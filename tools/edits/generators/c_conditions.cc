#include <string>

#include "tools/edits/c_facts.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kNamesMax = 5;
constexpr size_t kSeenMax = 10;

struct Spot {
  int first = 0;
  int last = 0;
  std::string text;
  bool has_and = false;
  bool has_or = false;
  bool is_simple = false;  // one value with its trailers
};

Spot spot_of(const Source& source, int first, int last) {
  Spot spot;
  spot.first = first;
  spot.last = last;
  spot.text = std::string(text_of(source, first, last));
  for (int k = first; k < last; ++k) {
    if (source.opener(k) != source.opener(first)) continue;
    spot.has_and = spot.has_and || source.is(k, "&&");
    spot.has_or = spot.has_or || source.is(k, "||") || source.is(k, "?");
  }
  spot.is_simple = source.primary_end(first) == last;
  return spot;
}

void negate(const Context& context, const Spot& spot) {
  const Source& source = context.source;
  Candidates& out = context.out;
  if (source.is(spot.first, "!") && !spot.has_and && !spot.has_or) {
    out.replace(spot.first, spot.first + 1, "", Kind::drop_not);
    const bool is_whole =
        source.is(spot.first + 1, "(") && source.match(spot.first + 1) == spot.last - 1;
    if (!is_whole) return;
    out.replace(spot.first, spot.last, text_of(source, spot.first + 2, spot.last - 1),
                Kind::drop_not);
    return;
  }
  if (spot.text.empty()) return;
  out.replace(spot.first, spot.last, spot.is_simple ? "!" + spot.text : "!(" + spot.text + ")",
              Kind::add_not);
}

void join(const Context& context, const Spot& spot, const std::string& other) {
  if (spot.text == other || spot.text.find(other + " ") != std::string::npos) return;
  const bool other_has_or = other.find("||") != std::string::npos;
  const std::string left = spot.has_or ? "(" + spot.text + ")" : spot.text;
  const std::string right = other_has_or ? "(" + other + ")" : other;
  const auto put = [&](const std::string& text) {
    context.out.replace(spot.first, spot.last, text, Kind::add_clause);
  };
  put(left + " && " + right);
  put(right + " && " + left);
  put(spot.text + " || " + other);
  put(other + " || " + spot.text);
}

// Clauses over names at hand and those that the file tests elsewhere.
void add_clauses(const Context& context, const Spot& spot) {
  const UnitFacts& facts = context.facts;
  for (const std::string_view name : choices(facts.locals, "", facts, kNamesMax)) {
    join(context, spot, std::string(name));
    join(context, spot, "!" + std::string(name));
  }
  for (const std::string_view other : known_operands(context, spot.text, kSeenMax)) {
    join(context, spot, std::string(other));
  }
}

// What `&&` and `||` join.
void change_operands(const Context& context, int i) {
  const auto [first, last] = drop_operand(context, i);
  if (first == last) return;
  negate(context, spot_of(context.source, first, i));
  negate(context, spot_of(context.source, i + 1, last));
}

void change_words(const Context& context, const Statement& s) {
  const Source& source = context.source;
  const int i = s.first_token;
  if (source.is(i, "if")) {
    context.out.replace(i, i + 1, "while", Kind::keyword);
    context.out.replace(i, i + 1, "else if", Kind::elif);
  }
  if (source.is(i, "while")) context.out.replace(i, i + 1, "if", Kind::keyword);
  if (source.is(i, "else") && source.is(i + 1, "if")) {
    context.out.replace(i, i + 2, "if", Kind::elif);
    const int close = source.match(i + 2);
    if (close == s.last_token - 1) context.out.replace(i, s.last_token, "else", Kind::elif);
  }
}

}  // namespace

void generate_c_conditions(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    const std::string_view t = source.str(i);
    if (t == "if" || t == "while" || t == "for") {
      const auto [first, last] = c_condition(source, i);
      if (last <= first) return;
      const Spot spot = spot_of(source, first, last);
      negate(context, spot);
      if (spot.text.empty() || spot.text.size() > 100) return;
      add_clauses(context, spot);
      exchange_condition(context, spot.first, spot.last);
    }
    if (t == "&&" || t == "||") change_operands(context, i);
    if (t == "!") context.out.replace(i, i + 1, "", Kind::drop_not);
    const bool precedes_value =
        t == "return" || t == "=" || t == "(" || t == "," || t == "?" || t == ":";
    if (!precedes_value || source.token(i + 1).kind >= TokenKind::newline) return;
    // A value that is not negated, as an argument or a result.
    const int end = source.primary_end(i + 1);
    const bool is_whole = end > i + 1 && source.role(i + 1) == Role::value &&
                          source.token(i + 1).kind == TokenKind::name &&
                          (source.token(end).kind == TokenKind::newline || source.is(end, ")") ||
                           source.is(end, ",") || source.is(end, "?"));
    if (is_whole) context.out.replace(i + 1, i + 1, "!", Kind::add_not);
    if (t != "return") return;
    const int statement = source.statement_of(i);
    if (statement < 0) return;
    const Statement& s = source.statements()[static_cast<size_t>(statement)];
    const Spot spot = spot_of(source, i + 1, s.last_token);
    if (spot.has_and || spot.has_or) add_clauses(context, spot);
  });
  each_statement(context, [&](int, const Statement& s) { change_words(context, s); });
}

}  // namespace corvid::tools::edits
