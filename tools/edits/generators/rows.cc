// Lines of their own in brackets that go over several lines: one more argument or entry.

#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kValuesMax = 10;
constexpr size_t kSeenMax = 5;

// What the rows of a bracket look like.
enum class Form { none, keyword, entry };

struct Row {
  Form form = Form::none;
  char quote = '"';
  bool of_self = false;  // its value is one of `self`
};

Row read_row(const Source& source, int first, int last) {
  Row row;
  const bool is_named = last > first + 2;
  if (is_named && source.is_plain_name(first) && source.is(first + 1, "=")) {
    row.form = Form::keyword;
  } else if (is_named && source.token(first).kind == TokenKind::string &&
             source.is(first + 1, ":")) {
    row.form = Form::entry;
    row.quote = source.str(first).back();
  }
  row.of_self = source.is(first + 2, "self");
  return row;
}

std::string row_text(const Row& form, std::string_view name, const std::string& value) {
  if (form.form == Form::keyword) return std::string(name) + "=" + value + ",";
  return form.quote + std::string(name) + form.quote + ": " + value + ",";
}

// NAME=NAME of locals and NAME=self.NAME of members that the bracket does not have, and what the
// file passes to the same function elsewhere.
std::vector<std::string> rows_for(const Context& context, int open, const Row& form) {
  const Source& source = context.source;
  Names inside;
  for (int i = open; i < source.match(open); ++i) {
    std::string_view text = source.str(i);
    if (source.token(i).kind == TokenKind::string && text.size() > 2) {
      text = text.substr(1, text.size() - 2);
    }
    inside.add(text);
  }
  std::vector<std::string> out;
  const auto offer = [&](std::string_view name, const std::string& value) {
    if (!inside.has(name)) out.push_back(row_text(form, name, value));
  };
  for (const std::string_view name : context.facts.parameters.items) {
    if (out.size() < kValuesMax) offer(name, std::string(name));
  }
  const auto of_self = context.file.by_head.find("self");
  if (context.facts.has_self && of_self != context.file.by_head.end()) {
    size_t offered = 0;
    for (const std::string_view text : of_self->second.items) {
      std::string_view name = text.substr(text.find('.') + 1);
      if (name.find_first_of(".([") != std::string_view::npos) continue;
      if (context.file.signatures.contains(name)) continue;
      if (++offered > (form.of_self ? 3 * kValuesMax : kValuesMax)) break;
      const size_t begin = name.find_first_not_of('_');
      if (begin != std::string_view::npos) offer(name.substr(begin), std::string(text));
    }
  }
  const auto seen = context.file.arguments.find(source.str(open - 1));
  if (form.form == Form::keyword && seen != context.file.arguments.end()) {
    size_t offered = 0;
    for (const std::string_view text : choices(seen->second, "", context.facts, 40)) {
      const size_t cut = text.find('=');
      if (cut == std::string_view::npos || inside.has(text.substr(0, cut))) continue;
      out.push_back(std::string(text) + ",");
      if (++offered == kSeenMax) break;
    }
  }
  return out;
}

void add_rows(const Context& context, int open) {
  const Source& source = context.source;
  const auto items = arguments_of(source, open);
  if (items.empty() || source.is(open - 2, "def")) return;
  Row form;
  for (const auto& [first, last] : items) {
    const Row row = read_row(source, first, last);
    if (row.form != Form::none) form = row;
  }
  if (form.form == Form::none) return;
  std::vector<std::string> rows;
  bool has_comma = true;
  const auto put_before = [&](int token, int like) {
    const int line = source.token(token).line;
    if (source.token(token - 1).line == line || !has_comma) return;
    if (rows.empty()) rows = rows_for(context, open, form);
    const std::string_view text = source.line(source.token(like).line);
    Gap gap;
    gap.line = line;
    gap.token = token;
    gap.margin = text.substr(0, text.find_first_not_of(" \t"));
    gap.in_brackets = true;
    for (const std::string& row : rows) context.out.insert(gap, row, Kind::insert_row);
  };
  for (const auto& [first, last] : items) {
    put_before(first, first);
    has_comma = source.is(last, ",");
  }
  put_before(source.match(open), items.back().first);
}

}  // namespace

void generate_rows(const Context& context) {
  const Source& source = context.source;
  if (!context.unit.is_function) return;
  each_token(context, [&](int open) {
    const bool is_wanted = is_call(source, open) || source.is(open, "{");
    if (!is_wanted || source.match(open) < 0) return;
    if (source.token(source.match(open)).line == source.token(open).line) return;
    add_rows(context, open);
  });
}

}  // namespace corvid::tools::edits
