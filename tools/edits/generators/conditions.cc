#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

int condition_end(const Context& context, int head) {
  const Source& source = context.source;
  for (int k = head + 1; k < context.unit.last_token; ++k) {
    if (source.token(k).kind >= TokenKind::newline) return k;
    if (source.opener(head) >= 0 && k == source.match(source.opener(head))) return k;
    if (source.opener(k) != source.opener(head)) continue;
    const std::string_view t = source.str(k);
    if (t == ":" || t == "else" || t == "," || t == "for" || t == "if") return k;
  }
  return -1;
}

std::pair<int, int> drop_operand(const Context& context, int i) {
  const Source& source = context.source;
  const int first = source.left_operand(i), last = source.right_operand(i, i + 1);
  if (first < context.unit.first_token || last < 0) return {0, 0};
  context.out.replace(first, last, text_of(source, first, i), Kind::drop_condition);
  context.out.replace(first, last, text_of(source, i + 1, last), Kind::drop_condition);
  return {first, last};
}

namespace {

bool has_top(const Source& source, int first, int last, std::string_view word) {
  for (int k = first; k < last; ++k) {
    if (source.opener(k) == source.opener(first) && source.is(k, word)) return true;
  }
  return false;
}

void change_condition(const Context& context, int head) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int first = head + 1, last = condition_end(context, head);
  if (last <= first) return;
  const std::string text(text_of(source, first, last));
  if (source.is(first, "not") && !has_top(source, first, last, "and") &&
      !has_top(source, first, last, "or")) {
    out.replace(first, first + 1, "", Kind::drop_not);
    if (source.is(first + 1, "(") && source.match(first + 1) == last - 1) {
      out.replace(first, last, text_of(source, first + 2, last - 1), Kind::drop_not);
    }
  } else if (!text.empty()) {
    const bool mixed = has_top(source, first, last, "and") || has_top(source, first, last, "or");
    out.replace(first, last, mixed ? "not (" + text + ")" : "not " + text, Kind::add_not);
  }
}

void change_operands(const Context& context, int i) {
  const auto [first, last] = drop_operand(context, i);
  if (first == last) return;
  for (const int at : {first, i + 1}) {
    if (!context.source.is(at, "not")) context.out.replace(at, at, "not ", Kind::add_not);
  }
}

// `and COND` and `or COND` with what the file tests in the company of the same names.
void add_operand(const Context& context, int head) {
  const Source& source = context.source;
  const int first = head + 1, last = condition_end(context, head);
  const std::string text(text_of(source, first, last));
  if (text.empty()) return;
  const auto join = [&](const std::string& other) {
    for (const std::string_view word : {" and ", " or "}) {
      context.out.replace(first, last, text + std::string(word) + other, Kind::add_condition);
      context.out.replace(first, last, other + std::string(word) + text, Kind::add_condition);
    }
  };
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, 4)) {
    join(std::string(name));
    join("not " + std::string(name));
    join(std::string(name) + " is not None");
    join(std::string(name) + " is None");
  }
  for (const std::string_view other : choices(context.file.operands, text, context.facts, 6)) {
    if (!other.empty() && other.size() < 40) join(std::string(other));
  }
  int offered = 0;
  for (const std::string_view other : context.file.conditions.items) {
    const size_t at = other.find(" and "), at_or = other.find(" or ");
    for (const size_t cut : {at, at_or}) {
      if (cut == std::string_view::npos || other.find_first_of("()") != std::string_view::npos)
        continue;
      if (++offered > 12) return;
      const size_t width = cut == at ? 5 : 4;
      if (other.substr(0, cut) == text || other.substr(cut + width) == text) {
        context.out.replace(first, last, other, Kind::add_condition);
      }
    }
  }
}

}  // namespace

void generate_conditions(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.token(i).kind != TokenKind::name) return;
    const std::string_view t = source.str(i);
    if (t == "if" || t == "while" || t == "elif" || t == "assert") change_condition(context, i);
    if (t == "and" || t == "or") change_operands(context, i);
    if (t == "return" && !source.is(i + 1, "not")) {
      const int last = condition_end(context, i);
      if (last > i + 1) context.out.replace(i + 1, i + 1, "not ", Kind::add_not);
    }
    const bool is_prefix = t == "not" && !source.is(i + 1, "in") && !source.is(i - 1, "is");
    if (is_prefix) context.out.replace(i, i + 1, "", Kind::drop_not);
  });
  each_statement(context, [&](int k, const Statement& s) {
    const std::string_view head = source.str(s.first_token);
    if (head == "if" || head == "elif" || head == "while") add_operand(context, s.first_token);
    if (head == "elif") context.out.replace(s.first_token, s.first_token + 1, "if", Kind::elif);
    if (head == "if" && k > context.facts.first_statement) {
      const Statement& before = source.statements()[static_cast<size_t>(k - 1)];
      if (before.column > s.column) {
        context.out.replace(s.first_token, s.first_token + 1, "elif", Kind::elif);
      }
    }
  });
}

}  // namespace corvid::tools::edits
