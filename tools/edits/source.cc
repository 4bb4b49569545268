#include "tools/edits/source.h"

#include <algorithm>
#include <array>
#include <utility>

namespace corvid::tools::edits {

namespace {

constexpr int kUnitLinesMax = 40;  // of statements outside of functions

bool is_open(std::string_view text) { return text == "(" || text == "[" || text == "{"; }
bool is_close(std::string_view text) { return text == ")" || text == "]" || text == "}"; }

}  // namespace

Source::Source(std::string text, const Language& language)
    : text_(std::move(text)), language_(language) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(static_cast<uint32_t>(i + 1));
  }
  if (line_starts_.back() != text_.size()) {
    line_starts_.push_back(static_cast<uint32_t>(text_.size()) + 1);
  }
  tokens_ = language.lex(text_, 0).tokens;
  find_brackets();
  find_statements();
  units_ = language.find_units(*this);
  roles_ = language.find_roles(*this);
}

std::string_view Source::line(int index) const {
  const size_t begin = line_starts_[static_cast<size_t>(index)];
  size_t end = line_starts_[static_cast<size_t>(index) + 1] - 1;
  if (end > begin && text_[end - 1] == '\r') --end;
  return std::string_view(text_).substr(begin, end - begin);
}

std::string_view Source::str(int index) const {
  if (index < 0 || index >= count()) return {};
  const Token& t = token(index);
  return std::string_view(text_).substr(t.begin, t.end - t.begin);
}

bool Source::is_plain_name(int index) const {
  return index >= 0 && index < count() && token(index).kind == TokenKind::name &&
         !language_.is_keyword(str(index));
}

Role Source::role(int index) const {
  return index < 0 || index >= count() ? Role::value : roles_[static_cast<size_t>(index)];
}

bool Source::on_one_line(int first, int last) const {
  const Token& a = token(first);
  const Token& b = token(last);
  const uint32_t end = line_starts_[static_cast<size_t>(a.line) + 1];
  return b.line == a.line && b.end < end;
}

void Source::find_brackets() {
  match_.assign(tokens_.size(), -1);
  opener_.assign(tokens_.size(), -1);
  std::vector<int> open;
  for (int i = 0; i < count(); ++i) {
    const std::string_view text = str(i);
    if (token(i).kind == TokenKind::op && is_close(text) && !open.empty()) {
      match_[static_cast<size_t>(i)] = open.back();
      match_[static_cast<size_t>(open.back())] = i;
      open.pop_back();
    }
    opener_[static_cast<size_t>(i)] = open.empty() ? -1 : open.back();
    if (token(i).kind == TokenKind::op && is_open(text)) open.push_back(i);
    if (token(i).kind == TokenKind::newline) open.clear();
  }
}

void Source::find_statements() {
  statement_of_.assign(tokens_.size(), -1);
  int first = -1;
  for (int i = 0; i <= count(); ++i) {
    const bool ends = i == count() || token(i).kind == TokenKind::newline;
    if (!ends && (token(i).kind == TokenKind::indent || token(i).kind == TokenKind::dedent))
      continue;
    if (!ends && first < 0) first = i;
    if (!ends || first < 0) continue;
    const Token& head = token(first);
    int last_line = token(i - 1).line;
    const std::string_view tail = str(i - 1);
    last_line += static_cast<int>(std::count(tail.begin(), tail.end(), '\n'));
    const int column = static_cast<int>(head.begin - line_begin(head.line));
    for (int t = first; t < i; ++t) {
      statement_of_[static_cast<size_t>(t)] = static_cast<int>(statements_.size());
    }
    statements_.push_back({first, i, head.line, last_line, column});
    first = -1;
  }
}

void add_stretch(const Source& source, const Statement& s, const std::string& name,
                 std::vector<Unit>& units) {
  const bool joins = !units.empty() && !units.back().is_function && units.back().name == name &&
                     s.last_line - units.back().first_line < kUnitLinesMax;
  if (!joins) {
    units.push_back({name, false, s.first_line, s.last_line, s.first_token, s.last_token});
  }
  units.back().last_line = s.last_line;
  units.back().last_token = std::min(source.count(), s.last_token + 1);
}

int Source::primary_begin(int last) const {
  int i = last;
  while (i >= 0) {
    const std::string_view text = str(i);
    if (is_close(text)) {
      i = match(i);
      if (i < 0) return -1;
      const Token& before = token(std::max(0, i - 1));
      const bool trailer =
          i > 0 && !is(i, "{") &&
          (is_plain_name(i - 1) || is_close(str(i - 1)) || before.kind == TokenKind::string);
      if (!trailer) return i;
      --i;
    } else if (is_plain_name(i) || token(i).kind == TokenKind::number ||
               token(i).kind == TokenKind::string || language_.is_value(text)) {
      if (!language_.is_member(str(i - 1))) return i;
      i -= 2;
    } else {
      return -1;
    }
  }
  return -1;
}

int Source::primary_end(int first) const {
  int i = first;
  const std::string_view text = str(first);
  if (first < 0 || first >= count()) return -1;
  if (is_open(text)) {
    if (match(first) < 0) return -1;
    i = match(first) + 1;
  } else if (is_plain_name(first) || token(first).kind == TokenKind::number ||
             token(first).kind == TokenKind::string || language_.is_value(text)) {
    i = first + 1;
  } else {
    return -1;
  }
  while (i < count()) {
    if (language_.is_member(str(i)) && is_plain_name(i + 1)) {
      i += 2;
    } else if ((is(i, "(") || is(i, "[")) && match(i) >= 0) {
      i = match(i) + 1;
    } else {
      break;
    }
  }
  return i;
}

bool Source::is_negation(int index) const {
  return !language_.negation.empty() && is(index, language_.negation);
}

// "not" as an operator begins "not in".
int Source::operator_level(int op) const {
  return precedence(is_negation(op) ? "not in" : str(op));
}

int Source::left_operand(int op) const {
  const int level = operator_level(op);
  int first = -1;
  for (int i = op - 1; i >= 0 && opener(i) == opener(op);) {
    const int begin = primary_begin(i);
    if (begin >= 0) {
      first = begin;
      i = begin - 1;
      continue;
    }
    const std::string_view text = str(i);
    const bool unary = language_.is_prefix(text) && (primary_begin(i - 1) < 0);
    if (unary && level < 13) {
      first = i;
    } else if (is_negation(i) && level <= 3) {
      first = i;
    } else if (precedence(text) < level || first < 0) {
      break;
    }
    --i;
  }
  return first;
}

int Source::right_operand(int op, int op_end) const {
  const int level = operator_level(op);
  int i = op_end;
  while (language_.is_prefix(str(i)) || (level <= 3 && is_negation(i))) ++i;
  int end = primary_end(i);
  while (end >= 0 && end < count() && precedence(str(end)) > level && statement_of(end) >= 0) {
    i = end + 1;
    if (is_negation(end)) ++i;
    while (language_.is_prefix(str(i)) || (level <= 3 && is_negation(i))) ++i;
    const int next = primary_end(i);
    if (next < 0) break;
    end = next;
  }
  return end;
}

}  // namespace corvid::tools::edits
