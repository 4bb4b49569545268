#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kStringBytesMax = 32;
constexpr size_t kPrimaryBytesMax = 40;

void add_name(const Source& source, int i, FileFacts& out) {
  const std::string_view name = source.str(i);
  out.words.add(name);
  const bool is_member = source.is_member(i - 1);
  const bool makes_pair = is_member && source.is_plain_name(i - 2) && !source.is_member(i - 3) &&
                          !source.is(i + 1, "(") && !source.is_member(i + 1);
  if (makes_pair) {
    const std::string_view pair = text_of(source, i - 2, i + 1);
    if (!pair.empty()) out.pairs.add(pair);
  }
  const bool is_called = is_call(source, i + 1);
  if (is_member) {
    (is_called ? out.methods : out.attributes).add(name);
  } else if (is_called || source.role(i) == Role::defined) {
    out.functions.add(name);
  }
}

// A name with its trailers, and each beginning of it.
void add_primary(const Source& source, int first, FileFacts& out) {
  if (source.is_member(first - 1) || source.role(first) == Role::defined) return;
  const std::vector<int> steps = steps_of(source, first);
  std::string_view tail = source.str(first);
  for (size_t n = 0; n + 1 < steps.size(); ++n) {
    const std::string_view text = text_of(source, first, steps[n + 1]);
    if (text.empty() || text.size() > kPrimaryBytesMax) return;
    out.trailers[text.substr(0, text_of(source, first, steps[n]).size())].add(
        text_of(source, steps[n], steps[n + 1]));
    if (!source.is_member(steps[n])) continue;
    tail = source.str(steps[n] + 1);
    out.by_tail[tail].add(text);
    out.by_head[source.str(first)].add(text);
  }
}

void add_call(const Source& source, int i, FileFacts& out) {
  const auto arguments = arguments_of(source, i + 1);
  for (const auto& [first, last] : arguments) {
    const std::string_view text = short_text(source, first, last);
    if (text.empty()) continue;
    out.arguments[source.str(i)].add(text);
    if (source.is(first + 1, "=") && source.is_plain_name(first)) out.keywords.add(text);
  }
}

}  // namespace

FileFacts::FileFacts(const Source& source) {
  for (int i = 0; i < source.count(); ++i) {
    const std::string_view text = source.str(i);
    if (source.is_plain_name(i)) {
      add_name(source, i, *this);
      add_primary(source, i, *this);
      if (is_call(source, i + 1)) add_call(source, i, *this);
    }
    if (source.token(i).kind == TokenKind::number) numbers.add(text);
    if (source.token(i).kind == TokenKind::string && text.size() <= kStringBytesMax &&
        text.size() > 2 && !text.starts_with("\"\"\"")) {
      strings.add(text);
    }
  }
  source.language().read_file(source, *this);
}

void FileFacts::add_line(const Source& source, size_t index,
                         bool (*opens)(const Source& source, const Statement& s)) {
  const Statement& s = source.statements()[index];
  const std::string_view text = statement_text(source, static_cast<int>(index));
  if (text.empty() || opens(source, s)) return;
  statements.add(text);
  if (index == 0) return;
  const Statement& before = source.statements()[index - 1];
  const std::string_view lead = statement_text(source, static_cast<int>(index) - 1);
  if (lead.empty()) return;
  followers[lead].add(text);
  if (before.column == s.column && !opens(source, before)) leaders[text].add(lead);
}

UnitFacts::UnitFacts(const Source& source, const Unit& unit, const FileFacts& file) {
  first_statement = source.statement_of(unit.first_token);
  last_statement = first_statement;
  const auto& all = source.statements();
  while (last_statement < static_cast<int>(all.size()) &&
         all[static_cast<size_t>(last_statement)].first_token < unit.last_token) {
    ++last_statement;
  }
  source.language().read_unit(source, unit, file, *this);
}

}  // namespace corvid::tools::edits
