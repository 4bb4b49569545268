#include <string>

#include "tools/edits/c_facts.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

void change_exit(const Context& context, const Statement& s) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int i = s.first_token;
  const std::string_view head = source.str(i);
  const bool is_exit = head == "break" || head == "continue";
  if (!is_exit && !(head == "return" && s.last_token == i + 1)) return;
  for (const std::string_view other : {"break", "continue", "return"}) {
    out.replace(i, i + 1, other, Kind::loop_exit);
  }
  if (!is_exit) return;
  for (const std::string_view text : {"0", "1", "-1", "NULL", "true", "false"}) {
    out.replace(i, i + 1, "return " + std::string(text), Kind::loop_exit);
  }
  for (const std::string_view text : choices(context.file.returns, "", context.facts, 4)) {
    out.replace(i, i + 1, "return " + std::string(text), Kind::loop_exit);
  }
}

// The label of a `case` becomes another one that the file has.
void change_label(const Context& context, const Statement& s) {
  const Source& source = context.source;
  if (!source.is(s.first_token, "case") || s.last_token != s.first_token + 3) return;
  const int at = s.first_token + 1;
  if (source.token(at).kind != TokenKind::name) return;
  size_t offered = 0;
  for (const std::string_view other :
       choices(context.file.assigned, source.str(at), context.facts, 60)) {
    const bool is_constant = other[0] >= 'A' && other[0] <= 'Z';
    if (is_constant && ++offered <= 8) context.out.replace(at, at + 1, other, Kind::variable);
  }
}

// Whether the line of statement `k` holds whole statements alone, up to `last` (exclusive).
bool stands_alone(const Source& source, int k, int& last) {
  const auto& all = source.statements();
  const Statement& s = all[static_cast<size_t>(k)];
  const int line = s.first_line;
  if (s.first_token > 0 && source.token(s.first_token - 1).line == line &&
      source.token(s.first_token - 1).end > source.line_begin(line)) {
    return false;
  }
  int blocks = 0;
  last = s.first_token;
  while (last < source.count() && source.token(last).line == line) {
    const TokenKind kind = source.token(last).kind;
    if (kind == TokenKind::indent) ++blocks;
    if (kind == TokenKind::dedent && --blocks < 0) return false;
    ++last;
  }
  const TokenKind end = source.token(last - 1).kind;
  return blocks == 0 && (end == TokenKind::newline || end == TokenKind::dedent);
}

void delete_lines(const Context& context) {
  const Source& source = context.source;
  each_statement(context, [&](int k, const Statement& s) {
    if (k == context.facts.first_statement && context.unit.is_function) return;
    const std::string_view head = source.str(s.first_token);
    int last = 0;
    if (head == "#" || !stands_alone(source, k, last)) return;
    // The only statement of a header without braces stays.
    const Token& before = source.token(std::max(0, s.first_token - 1));
    if (before.kind == TokenKind::indent && before.begin == before.end) return;
    context.out.erase_line(s.first_token, last, Kind::delete_line);
  });
}

}  // namespace

void generate_c_statements(const Context& context) {
  each_statement(context, [&](int, const Statement& s) {
    change_exit(context, s);
    change_label(context, s);
  });
  delete_lines(context);
}

}  // namespace corvid::tools::edits
