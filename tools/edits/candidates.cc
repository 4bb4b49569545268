#include "tools/edits/candidates.h"

#include <algorithm>
#include <array>

#include "runtime/base/text.h"

namespace corvid::tools::edits {

namespace {

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return is_name_start(byte) || is_digit(byte);
}

bool is_alike(std::string_view a, std::string_view b) {
  return a.substr(0, 3) == b.substr(0, 3) ||
         (a.size() >= 3 && b.size() >= 3 && a.substr(a.size() - 3) == b.substr(b.size() - 3));
}

}  // namespace

std::string_view kind_name(Kind kind) {
  static constexpr std::array<std::string_view, kKindCount> kNames = {
#define X(id) #id,
#include "tools/edits/kinds.inc"
#undef X
  };
  return kNames[static_cast<size_t>(kind)];
}

void Names::add(std::string_view name) {
  if (++counts[name] == 1) items.push_back(name);
}

int Names::count(std::string_view name) const {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

Candidates::Candidates(const Source& source, Vocabulary& vocabulary)
    : source_(source), vocabulary_(vocabulary) {
  int singles = 0, doubles = 0;
  for (int i = 0; i < source.count(); ++i) {
    if (source.token(i).kind != TokenKind::string) continue;
    const std::string_view text = source.str(i);
    (text.back() == '\'' ? singles : doubles) += !text.ends_with("\"\"\"");
  }
  prefers_double_ = source.language().names_arguments && doubles > 8 * singles;
}

// Texts that generators bring along are quoted like those of the file, unless `old` is not.
std::string Candidates::in_style(std::string_view text, std::string_view old) const {
  std::string out(text);
  const bool is_plain = text.find_first_of("\"\\") == std::string_view::npos &&
                        old.find('\'') == std::string_view::npos;
  if (prefers_double_ && is_plain) std::replace(out.begin(), out.end(), '\'', '"');
  return out;
}

// Appends the tokens of `text` to new_ids_; false: it does not lex or its brackets do not balance.
bool Candidates::add_tokens(std::string_view text, bool is_line) {
  const Lexed lexed = source_.language().lex(text, 0);
  if (!lexed.is_clean) return false;
  for (const Token& token : lexed.tokens) {
    if (token.kind == TokenKind::newline && !is_line) continue;
    if (token.kind == TokenKind::indent || token.kind == TokenKind::dedent) continue;
    new_ids_.push_back(
        vocabulary_.id(token.kind, text.substr(token.begin, token.end - token.begin)));
  }
  return true;
}

void Candidates::add(Candidate candidate) {
  const uint64_t place =
      static_cast<uint64_t>(candidate.line) * 4 + static_cast<uint64_t>(candidate.operation);
  if (!seen_.insert(fnv1a(candidate.text, place * 0x9e3779b97f4a7c15ull)).second) return;
  all_.push_back(std::move(candidate));
}

void Candidates::replace(int first, int last, std::string_view offered, Kind kind) {
  if (static_cast<int>(all_.size()) >= kUnitCandidatesMax) return;
  if (first < 0 || last < first || first >= source_.count()) return;
  int balance = 0;
  for (int i = first; i < last; ++i) {
    if (source_.token(i).kind >= TokenKind::newline) return;
    const int match = source_.match(i);
    if (match >= 0 && (match < first || match >= last)) return;
    balance += match >= 0;
  }
  const Token& head = source_.token(first);
  const int last_line_token = last > first ? last - 1 : first;
  if (last > first && !source_.on_one_line(first, last_line_token)) return;
  const int line_index = head.line;
  const uint32_t line_begin = source_.line_begin(line_index);
  const std::string_view line = source_.line(line_index);
  size_t begin = head.begin - line_begin;
  size_t end = last > first ? source_.token(last_line_token).end - line_begin : begin;
  if (begin > line.size() || end > line.size()) return;
  const std::string text = in_style(offered, line.substr(begin, end - begin));
  if (text.empty()) {
    while (end < line.size() && line[end] == ' ') ++end;
    if (end == line.size() || line[end] == '#') {
      while (begin > 0 && line[begin - 1] == ' ') --begin;
      if (begin == 0) return;
    } else if (std::string_view(")]},:;").find(line[end]) != std::string_view::npos) {
      while (begin > 0 && line[begin - 1] == ' ') --begin;
    }
  }
  std::string changed(line.substr(0, begin));
  const std::string_view after = line.substr(end);
  const auto glue = [](std::string_view a, std::string_view b) {
    return !a.empty() && !b.empty() && is_word(a.back()) && is_word(b.front());
  };
  if (glue(changed, text)) changed += ' ';
  changed += text;
  if (glue(changed, after)) changed += ' ';
  changed += after;
  if (changed == line) return;
  Candidate c;
  c.kind = kind;
  c.line = line_index;
  c.first = first;
  c.last = last;
  c.new_first = static_cast<int>(new_ids_.size());
  if (!add_tokens(text, false)) return;
  c.new_last = static_cast<int>(new_ids_.size());
  c.text = std::move(changed);
  add(std::move(c));
}

void Candidates::insert(const Gap& gap, std::string_view offered, Kind kind) {
  if (static_cast<int>(all_.size()) >= kUnitCandidatesMax || offered.empty()) return;
  const std::string text = in_style(offered, "");
  Candidate c;
  c.kind = kind;
  c.operation = Operation::insert;
  c.line = gap.line;
  c.first = c.last = gap.token;
  c.new_first = static_cast<int>(new_ids_.size());
  if (!add_tokens(text, !gap.in_brackets)) return;
  c.new_last = static_cast<int>(new_ids_.size());
  c.text = gap.margin.empty() ? std::string(static_cast<size_t>(gap.column), ' ')
                              : gap.margin;
  c.text += text;
  add(std::move(c));
}

void Candidates::erase(int statement, Kind kind) {
  const Statement& s = source_.statements()[static_cast<size_t>(statement)];
  if (s.first_line != s.last_line) return;
  erase_line(s.first_token, std::min(source_.count(), s.last_token + 1), kind);
}

void Candidates::erase_line(int first, int last, Kind kind) {
  Candidate c;
  c.kind = kind;
  c.operation = Operation::erase;
  c.line = source_.token(first).line;
  c.first = first;
  c.last = last;
  c.new_first = c.new_last = static_cast<int>(new_ids_.size());
  add(std::move(c));
}

std::vector<std::string_view> choices(const Names& offered, std::string_view old,
                                      const UnitFacts& facts, size_t limit) {
  struct Choice {
    std::string_view name;
    int rank;
  };
  std::vector<Choice> found;
  for (const std::string_view name : offered.items) {
    if (name == old) continue;
    const int near = facts.words.has(name) ? 4000 : is_alike(name, old) ? 2000 : 0;
    found.push_back({name, near + std::min(1000, offered.count(name))});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Choice& a, const Choice& b) { return a.rank > b.rank; });
  if (found.size() > limit) found.resize(limit);
  std::vector<std::string_view> out;
  for (const Choice& choice : found) out.push_back(choice.name);
  return out;
}

std::vector<std::pair<int, int>> arguments_of(const Source& source, int open) {
  std::vector<std::pair<int, int>> out;
  const int close = source.match(open);
  int first = open + 1;
  for (int i = open + 1; i <= close; ++i) {
    const bool ends = i == close || (source.is(i, ",") && source.opener(i) == open);
    if (!ends) continue;
    if (i > first) out.push_back({first, i});
    first = i + 1;
  }
  return out;
}

bool is_call(const Source& source, int open) {
  if (!source.is(open, "(") || source.match(open) < 0 || open == 0) return false;
  const bool callable =
      source.is_plain_name(open - 1) || source.is(open - 1, ")") || source.is(open - 1, "]");
  return callable && source.role(open - 1) < Role::declared;
}

std::vector<int> steps_of(const Source& source, int first) {
  std::vector<int> out = {first + 1};
  while (true) {
    const int at = out.back();
    if (source.is_member(at) && at + 1 < source.count() &&
        source.token(at + 1).kind == TokenKind::name) {
      out.push_back(at + 2);
    } else if ((source.is(at, "(") || source.is(at, "[")) && source.match(at) > at) {
      out.push_back(source.match(at) + 1);
    } else {
      return out;
    }
  }
}

bool is_known_head(std::string_view head, const UnitFacts& facts) {
  if (head == "self" || head == "cls") return facts.has_self || facts.words.has(head);
  return facts.words.has(head) || (head[0] >= 'A' && head[0] <= 'Z');
}

bool is_known(const Context& context, std::string_view text) {
  const Language& language = context.source.language();
  const Lexed lexed = language.lex(text, 0);
  for (size_t i = 0; i < lexed.tokens.size(); ++i) {
    const Token& token = lexed.tokens[i];
    if (token.kind != TokenKind::name) continue;
    const Token& before = lexed.tokens[i > 0 ? i - 1 : 0];
    const bool is_member =
        i > 0 && language.is_member(text.substr(before.begin, before.end - before.begin));
    const std::string_view name = text.substr(token.begin, token.end - token.begin);
    const bool is_function = i + 1 < lexed.tokens.size() &&
                             lexed.tokens[i + 1].begin < text.size() &&
                             text[lexed.tokens[i + 1].begin] == '(';
    if (is_member || language.is_keyword(name) || is_function) continue;
    if (!is_known_head(name, context.facts)) return false;
  }
  return true;
}

std::string_view text_of(const Source& source, int first, int last) {
  if (first < 0 || last <= first || last > source.count()) return {};
  if (!source.on_one_line(first, last - 1)) return {};
  const Token& a = source.token(first);
  return std::string_view(source.text()).substr(a.begin, source.token(last - 1).end - a.begin);
}

std::string_view short_text(const Source& source, int first, int last) {
  constexpr size_t kBytesMax = 60;
  const std::string_view text = text_of(source, first, last);
  return text.size() <= kBytesMax ? text : std::string_view{};
}

std::string_view statement_text(const Source& source, int statement) {
  if (statement < 0) return {};
  const Statement& s = source.statements()[static_cast<size_t>(statement)];
  return text_of(source, s.first_token, s.last_token);
}

void generate(const Context& context) {
  for (const auto group : context.source.language().generators) group(context);
}

}  // namespace corvid::tools::edits
