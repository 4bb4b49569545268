#include "tools/edits/source.h"

#include <algorithm>
#include <array>
#include <utility>

namespace corvid::tools::edits {

namespace {

constexpr int kUnitLinesMax = 40;  // of statements outside of functions

using Entry = std::pair<std::string_view, int>;
constexpr std::array<Entry, 27> kPrecedence = {{
    {"or", 2},  {"and", 3}, {"in", 5}, {"is", 5},  {"not in", 5}, {"is not", 5}, {"<", 5},
    {"<=", 5},  {">", 5},   {">=", 5}, {"==", 5},  {"!=", 5},     {"|", 6},      {"^", 7},
    {"&", 8},   {"<<", 9},  {">>", 9}, {"+", 10},  {"-", 10},     {"*", 11},     {"/", 11},
    {"//", 11}, {"%", 11},  {"@", 11}, {"**", 13}, {"if", 1},     {"else", 1},
}};

bool is_open(std::string_view text) { return text == "(" || text == "[" || text == "{"; }
bool is_close(std::string_view text) { return text == ")" || text == "]" || text == "}"; }

}  // namespace

int precedence(std::string_view op) {
  for (const Entry& entry : kPrecedence) {
    if (entry.first == op) return entry.second;
  }
  return 0;
}

Source::Source(std::string text) : text_(std::move(text)) {
  line_starts_.push_back(0);
  for (size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(static_cast<uint32_t>(i + 1));
  }
  if (line_starts_.back() != text_.size()) {
    line_starts_.push_back(static_cast<uint32_t>(text_.size()) + 1);
  }
  tokens_ = lex(text_).tokens;
  find_brackets();
  find_statements();
  find_units();
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
         !is_keyword(str(index));
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

void Source::find_units() {
  struct Class {
    int column;
    std::string name;
  };
  std::vector<Class> classes;
  const auto add_stretch = [&](const Statement& s, const std::string& name) {
    const bool joins = !units_.empty() && !units_.back().is_function &&
                       units_.back().name == name &&
                       s.last_line - units_.back().first_line < kUnitLinesMax;
    if (!joins)
      units_.push_back({name, false, s.first_line, s.last_line, s.first_token, s.last_token});
    units_.back().last_line = s.last_line;
    units_.back().last_token = std::min(count(), s.last_token + 1);
  };
  for (size_t i = 0; i < statements_.size(); ++i) {
    const Statement& s = statements_[i];
    while (!classes.empty() && s.column <= classes.back().column) classes.pop_back();
    std::string prefix;
    for (const Class& c : classes) prefix += c.name + ".";
    const int def = s.first_token + (is(s.first_token, "async") ? 1 : 0);
    if (!is(def, "def")) {
      if (!is(s.first_token, "@")) add_stretch(s, prefix);
      if (is(s.first_token, "class"))
        classes.push_back({s.column, std::string(str(s.first_token + 1))});
      continue;
    }
    size_t last = i;
    while (last + 1 < statements_.size() && statements_[last + 1].column > s.column) ++last;
    units_.push_back({prefix + std::string(str(def + 1)), true, s.first_line,
                      statements_[last].last_line, s.first_token,
                      std::min(count(), statements_[last].last_token + 1)});
    i = last;
  }
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
               token(i).kind == TokenKind::string || text == "None" || text == "True" ||
               text == "False" || text == "...") {
      if (!is(i - 1, ".")) return i;
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
             token(first).kind == TokenKind::string || text == "None" || text == "True" ||
             text == "False" || text == "...") {
    i = first + 1;
  } else {
    return -1;
  }
  while (i < count()) {
    if (is(i, ".") && is_plain_name(i + 1)) {
      i += 2;
    } else if ((is(i, "(") || is(i, "[")) && match(i) >= 0) {
      i = match(i) + 1;
    } else {
      break;
    }
  }
  return i;
}

int Source::left_operand(int op) const {
  const int level = precedence(is(op, "not") ? "not in" : str(op));
  int first = -1;
  for (int i = op - 1; i >= 0 && opener(i) == opener(op);) {
    const int begin = primary_begin(i);
    if (begin >= 0) {
      first = begin;
      i = begin - 1;
      continue;
    }
    const std::string_view text = str(i);
    const bool unary = (text == "-" || text == "~" || text == "+") && (primary_begin(i - 1) < 0);
    if (unary && level < 13) {
      first = i;
    } else if (text == "not" && level <= 3) {
      first = i;
    } else if (precedence(text) < level || first < 0) {
      break;
    }
    --i;
  }
  return first;
}

int Source::right_operand(int op, int op_end) const {
  const int level = precedence(is(op, "not") ? "not in" : str(op));
  int i = op_end;
  while (is(i, "-") || is(i, "~") || (level <= 3 && is(i, "not"))) ++i;
  int end = primary_end(i);
  while (end >= 0 && end < count() && precedence(str(end)) > level && statement_of(end) >= 0) {
    i = end + 1;
    if (is(end, "not")) ++i;
    while (is(i, "-") || is(i, "~") || (level <= 3 && is(i, "not"))) ++i;
    const int next = primary_end(i);
    if (next < 0) break;
    end = next;
  }
  return end;
}

}  // namespace corvid::tools::edits
