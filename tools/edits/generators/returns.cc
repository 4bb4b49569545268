#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

std::vector<std::string> other_results(const Context& context, std::string_view text,
                                       size_t file_max, size_t names_max,
                                       std::string_view negation) {
  std::vector<std::string> out;
  for (const std::string_view other :
       choices(context.file.returns, text, context.facts, file_max)) {
    out.emplace_back(other);
  }
  for (const std::string_view name :
       choices(context.facts.locals, text, context.facts, names_max)) {
    out.emplace_back(name);
    out.push_back(std::string(negation) + std::string(name));
  }
  return out;
}

namespace {

constexpr size_t kNamesMax = 16;
constexpr size_t kFileReturnsMax = 24;

void change_value(const Context& context, const Statement& s) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int first = s.first_token + 1;
  if (first >= s.last_token) return;
  const std::string text(text_of(source, first, s.last_token));
  if (text.empty()) return;
  const auto offer = [&](std::string_view other) {
    out.replace(first, s.last_token, other, Kind::return_value);
  };
  for (const std::string& other :
       other_results(context, text, kFileReturnsMax, kNamesMax, "not ")) {
    offer(other);
  }
  for (const Names* names : {&context.facts.self_read, &context.facts.self_stored}) {
    for (const std::string_view name : choices(*names, "", context.facts, 8)) {
      offer("self." + std::string(name));
    }
  }
  for (const std::string_view other :
       {"None", "True", "False", "self", "0", "1", "-1", "''", "[]", "{}"}) {
    if (other != "self" || context.facts.has_self) offer(other);
  }
  for (const std::string_view name : choices(context.facts.locals, text, context.facts, 5)) {
    out.replace(first, s.last_token, text + ", " + std::string(name), Kind::return_value);
    out.replace(first, s.last_token, std::string(name) + ", " + text, Kind::return_value);
  }
  if (context.facts.is_generator) {
    out.replace(s.first_token, s.first_token + 1, "yield", Kind::yield_value);
  }
}

}  // namespace

void generate_returns(const Context& context) {
  const Source& source = context.source;
  if (!context.unit.is_function) return;
  each_statement(context, [&](int k, const Statement& s) {
    if (k == context.facts.first_statement) return;
    const std::string_view head = source.str(s.first_token);
    if (head == "return") {
      change_value(context, s);
      if (s.last_token > s.first_token + 1) {
        context.out.replace(s.first_token, s.first_token + 1, "", Kind::drop_return);
      }
      return;
    }
    if (head == "yield") {
      context.out.replace(s.first_token, s.first_token + 1, "return", Kind::yield_value);
      return;
    }
    const bool starts_expression = !source.language().is_keyword(head) || head == "not" ||
                                   head == "None" || head == "True" || head == "False" ||
                                   head == "await" || head == "lambda";
    if (!starts_expression || head == "@" ||
        source.token(s.first_token).kind == TokenKind::string) {
      if (source.token(s.first_token).kind != TokenKind::string ||
          k == context.facts.first_statement + 1) {
        return;
      }
    }
    for (int i = s.first_token; i < s.last_token; ++i) {
      if (source.opener(i) >= 0 || source.token(i).kind != TokenKind::op) continue;
      const std::string_view t = source.str(i);
      const bool assigns = t.back() == '=' && t != "==" && t != "!=" && t != "<=" && t != ">=";
      if (assigns || (t == ":" && i == s.first_token + 1)) return;
    }
    context.out.replace(s.first_token, s.first_token, "return ", Kind::add_return);
    if (context.facts.is_generator) {
      context.out.replace(s.first_token, s.first_token, "yield ", Kind::yield_value);
    }
  });
}

}  // namespace corvid::tools::edits
