#include <string>

#include "tools/edits/c_facts.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kNamesMax = 12;
constexpr size_t kFileReturnsMax = 20;
constexpr size_t kWrapsMax = 8;

void change_return(const Context& context, const Statement& s) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int first = s.first_token + 1;
  const auto offer = [&](std::string_view other) {
    if (first < s.last_token) {
      out.replace(first, s.last_token, other, Kind::return_value);
    } else {
      out.replace(s.first_token, first, "return " + std::string(other), Kind::return_value);
    }
  };
  const std::string text(text_of(source, first, s.last_token));
  if (first < s.last_token && text.empty()) return;
  for (const std::string& other : other_results(context, text, kFileReturnsMax, kNamesMax, "!")) {
    offer(other);
  }
  for (const std::string_view other :
       {"0", "1", "-1", "NULL", "nullptr", "true", "false", "*this"}) {
    offer(other);
  }
  if (text.empty()) return;
  out.replace(first, s.last_token, "-" + text, Kind::minus);
}

// An expression as a statement becomes a result.
void add_return(const Context& context, const Statement& s) {
  const Source& source = context.source;
  const bool is_expression = source.is_plain_name(s.first_token) &&
                             source.role(s.first_token) == Role::value &&
                             source.token(s.last_token).kind == TokenKind::newline &&
                             source.primary_end(s.first_token) == s.last_token;
  if (is_expression) {
    context.out.replace(s.first_token, s.first_token, "return ", Kind::add_return);
  }
}

// An index that is one off; a bound that is one off.
void change_places(const Context& context, int i) {
  const Source& source = context.source;
  const bool is_index = source.is(i, "[") && source.match(i) > i + 1 &&
                        source.primary_begin(i - 1) >= 0 && source.role(i - 1) != Role::declared;
  if (is_index) {
    change_offset(context, i + 1, source.match(i), Kind::index);
    context.out.replace(i, source.match(i) + 1, "", Kind::index);
  }
  const bool bounds = source.precedence(source.str(i)) == 5 && source.role(i) != Role::type;
  if (bounds && source.primary_begin(i - 1) >= 0) {
    const int last = source.right_operand(i, i + 1);
    const std::string text(text_of(source, i + 1, last));
    const bool is_number = last == i + 2 && source.token(i + 1).kind == TokenKind::number;
    if (!text.empty() && !is_number) {
      context.out.replace(i + 1, last, text + " - 1", Kind::off_by_one);
      context.out.replace(i + 1, last, text + " + 1", Kind::off_by_one);
    }
  }
  drop_step(context, i);
}

// A whole value, as an argument, an initial value or a result, gets one more or less.
void change_whole(const Context& context, int first) {
  const Source& source = context.source;
  const std::string_view before = source.str(first - 1);
  const bool begins = before == "=" || before == "(" || before == "," || before == "return";
  if (!begins || !source.is_plain_name(first) || source.role(first) != Role::value) return;
  if (before == "(" && source.primary_begin(first - 2) < 0) return;
  const int last = source.primary_end(first);
  const std::string text(text_of(source, first, last));
  const bool ends = last < source.count() &&
                    (source.token(last).kind == TokenKind::newline || source.is(last, ")") ||
                     source.is(last, ",") || source.is(last, ";"));
  if (!ends || text.empty() || text.size() > 60) return;
  context.out.replace(first, last, text + " + 1", Kind::off_by_one);
  context.out.replace(first, last, text + " - 1", Kind::off_by_one);
  size_t offered = 0;
  for (const std::string_view function : choices(context.file.functions, "", context.facts, 30)) {
    const auto found = context.file.signatures.find(function);
    const bool takes_one = found == context.file.signatures.end() ||
                           found->second.parameters.size() == 1 || found->second.parameters.empty();
    if (!takes_one || offered >= kWrapsMax) continue;
    ++offered;
    context.out.replace(first, last, std::string(function) + "(" + text + ")", Kind::wrap_call);
  }
}

// What `x = y` takes: locals that stand for an expression.
void change_source(const Context& context, int i) {
  const Source& source = context.source;
  const int statement = source.statement_of(i);
  if (statement < 0 || source.opener(i) >= 0) return;
  const Statement& s = source.statements()[static_cast<size_t>(statement)];
  if (s.last_token <= i + 2 || text_of(source, i + 1, s.last_token).empty()) return;
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, 8)) {
    context.out.replace(i + 1, s.last_token, name, Kind::expression);
  }
}

}  // namespace

void generate_c_values(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (is_call(source, i)) unwrap_call(context, i);
    change_places(context, i);
    if (i > 0) change_whole(context, i);
    if (source.is(i, "=")) change_source(context, i);
  });
  each_statement(context, [&](int, const Statement& s) {
    if (source.is(s.first_token, "return")) {
      change_return(context, s);
    } else {
      add_return(context, s);
    }
  });
}

}  // namespace corvid::tools::edits
