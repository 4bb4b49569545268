#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "tools/edits/generators/generators.h"
#include "tools/edits/python_facts.h"

namespace corvid::tools::edits {

namespace {

using Entry = std::pair<std::string_view, int>;
constexpr std::array<Entry, 27> kPrecedence = {{
    {"or", 2},  {"and", 3}, {"in", 5}, {"is", 5},  {"not in", 5}, {"is not", 5}, {"<", 5},
    {"<=", 5},  {">", 5},   {">=", 5}, {"==", 5},  {"!=", 5},     {"|", 6},      {"^", 7},
    {"&", 8},   {"<<", 9},  {">>", 9}, {"+", 10},  {"-", 10},     {"*", 11},     {"/", 11},
    {"//", 11}, {"%", 11},  {"@", 11}, {"**", 13}, {"if", 1},     {"else", 1},
}};

constexpr std::array<std::string_view, 35> kKeywords = {
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

class Lexer : Scanner {
 public:
  using Scanner::Scanner;

  Lexed run() {
    while (at_ < text_.size()) {
      if (at_line_start_ && depth_ == 0) start_line();
      if (at_ < text_.size()) step();
    }
    if (line_has_tokens_) add(TokenKind::newline, at_);
    for (; indents_.size() > 1; indents_.pop_back()) add(TokenKind::dedent, at_);
    if (depth_ != 0) out_.is_clean = false;
    return std::move(out_);
  }

 private:
  // Indentation of a logical line; blank and comment lines have none.
  void start_line() {
    at_line_start_ = false;
    int column = 0;
    while (peek() == ' ' || peek() == '\t' || peek() == '\f') {
      column = peek() == '\t' ? (column / 8 + 1) * 8 : column + 1;
      ++at_;
    }
    const unsigned char c = peek();
    if (at_ >= text_.size() || c == '\n' || c == '\r' || c == '#') return;
    if (column > indents_.back()) {
      indents_.push_back(column);
      add(TokenKind::indent, at_);
    }
    while (column < indents_.back()) {
      indents_.pop_back();
      add(TokenKind::dedent, at_);
    }
  }

  void step() {
    const unsigned char c = peek();
    if (c == '\n') return end_of_line();
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f') {
      ++at_;
    } else if (c == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
      at_ += peek(1) == '\n' ? 2 : 3;
      ++line_;
    } else {
      line_has_tokens_ = true;
      token(c);
    }
  }

  void end_of_line() {
    if (depth_ == 0) {
      if (line_has_tokens_) add(TokenKind::newline, at_);
      line_has_tokens_ = false;
      at_line_start_ = true;
    }
    ++at_;
    ++line_;
  }

  void token(unsigned char c) {
    if (is_name_start(c)) {
      const size_t end = name_end();
      if (end < text_.size() && (text_[end] == '"' || text_[end] == '\'') && is_prefix(end)) {
        return string(end);
      }
      return add(TokenKind::name, end);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return string(at_);
    op(c);
  }

  bool is_prefix(size_t end) const {
    if (end - at_ > 2) return false;
    return std::all_of(
        text_.begin() + static_cast<long>(at_), text_.begin() + static_cast<long>(end),
        [](char c) { return std::string_view("rRbBuUfF").find(c) != std::string_view::npos; });
  }

  void number() {
    size_t end = at_ + 1;
    while (end < text_.size()) {
      const unsigned char c = static_cast<unsigned char>(text_[end]);
      const unsigned char before = static_cast<unsigned char>(text_[end - 1]);
      const bool is_hex =
          text_[at_] == '0' && at_ + 1 < text_.size() && (text_[at_ + 1] | 32) == 'x';
      const bool is_exponent_sign = (c == '+' || c == '-') && (before | 32) == 'e' && !is_hex;
      if (!is_digit(c) && !is_name_start(c) && c != '.' && !is_exponent_sign) break;
      ++end;
    }
    add(TokenKind::number, end);
  }

  // `quote` is the offset of the opening quote; a prefix may stand before it.
  void string(size_t quote) {
    const char mark = text_[quote];
    const bool is_triple = text_.substr(quote, 3) == std::string(3, mark);
    size_t end = quote + (is_triple ? 3 : 1);
    int lines = 0;
    bool is_closed = false;
    while (end < text_.size()) {
      const char c = text_[end];
      if (c == '\\' && end + 1 < text_.size()) {
        lines += text_[end + 1] == '\n';
        end += 2;
      } else if (c == mark && (!is_triple || text_.substr(end, 3) == std::string(3, mark))) {
        end += is_triple ? 3 : 1;
        is_closed = true;
        break;
      } else if (c == '\n' && !is_triple) {
        break;
      } else {
        lines += c == '\n';
        ++end;
      }
    }
    out_.is_clean = out_.is_clean && is_closed;
    add(TokenKind::string, std::min(end, text_.size()));
    line_ += lines;
  }

  void op(unsigned char c) {
    static constexpr std::array<std::string_view, 24> kLong = {
        "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==",
        "!=",  "->",  "+=",  "-=",  "*=",  "/=", "%=", "&=", "|=", "^=", ":=", "@="};
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if (c == ')' || c == ']' || c == '}') {
      if (depth_ == 0) out_.is_clean = false;
      depth_ = std::max(0, depth_ - 1);
    }
    add_op(kLong, "()[]{}<>=+-*/%&|^~@,:.;");
  }

  int depth_ = 0;
  bool at_line_start_ = true;
  bool line_has_tokens_ = false;
  std::vector<int> indents_ = {0};
};

Lexed lex(std::string_view text, int first_line) { return Lexer(text, first_line).run(); }

bool is_keyword(std::string_view word) {
  return std::binary_search(kKeywords.begin(), kKeywords.end(), word);
}

bool is_value(std::string_view word) {
  return word == "None" || word == "True" || word == "False" || word == "...";
}

bool leaves(std::string_view word) {
  return word == "return" || word == "raise" || word == "break" || word == "continue";
}

bool is_member(std::string_view op) { return op == "."; }
bool is_prefix(std::string_view op) { return op == "-" || op == "~" || op == "+"; }

int precedence(std::string_view op) {
  for (const Entry& entry : kPrecedence) {
    if (entry.first == op) return entry.second;
  }
  return 0;
}

bool has_file(std::string_view path) { return path.ends_with(".py"); }

bool is_test_name(std::string_view name) {
  return name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py" ||
         name == "tests.py" || name == "test.py";
}

std::vector<Unit> find_units(const Source& source) {
  std::vector<Unit> units;
  const std::vector<Statement>& all = source.statements();
  struct Class {
    int column;
    std::string name;
  };
  std::vector<Class> classes;
  for (size_t i = 0; i < all.size(); ++i) {
    const Statement& s = all[i];
    while (!classes.empty() && s.column <= classes.back().column) classes.pop_back();
    std::string prefix;
    for (const Class& c : classes) prefix += c.name + ".";
    const int def = s.first_token + (source.is(s.first_token, "async") ? 1 : 0);
    if (!source.is(def, "def")) {
      if (!source.is(s.first_token, "@")) add_stretch(source, s, prefix, units);
      if (source.is(s.first_token, "class"))
        classes.push_back({s.column, std::string(source.str(s.first_token + 1))});
      continue;
    }
    size_t last = i;
    while (last + 1 < all.size() && all[last + 1].column > s.column) ++last;
    units.push_back({prefix + std::string(source.str(def + 1)), true, s.first_line,
                      all[last].last_line, s.first_token,
                      std::min(source.count(), all[last].last_token + 1)});
    i = last;
  }
  return units;
}

std::vector<Role> find_roles(const Source& source) {
  std::vector<Role> roles(static_cast<size_t>(source.count()), Role::value);
  for (int i = 1; i < source.count(); ++i) {
    const bool begins = source.is(i - 1, "def") || source.is(i - 1, "class");
    if (begins) roles[static_cast<size_t>(i)] = Role::defined;
  }
  return roles;
}

constexpr std::array<std::string_view, 12> kArguments = {
    "None", "True", "False", "0", "1", "-1", "self", "*args", "**kwargs", "''", "[]", "{}"};
constexpr std::array<std::string_view, 3> kTrailers = {"[0]", "[-1]", "()"};

constexpr std::array kGenerators = {
    &generate_orphans,
    &generate_operators,  &generate_conditions, &generate_constants,  &generate_variables,
    &generate_calls,      &generate_arguments,  &generate_subscripts, &generate_returns,
    &generate_statements, &generate_texts,      &generate_idioms,     &generate_forms,
    &generate_clauses,    &generate_expressions, &generate_wraps,     &generate_deletions,
    &generate_insertions, &generate_members,     &generate_rows,      &generate_guards,
    &generate_limits,     &generate_memberships, &generate_elements,  &generate_callees};

}  // namespace

const Language& python_language() {
  static constexpr Language kPython = {.name = "python",
                                       .has_file = has_file,
                                       .is_test_name = is_test_name,
                                       .comment = "#",
                                       .lex = lex,
                                       .is_keyword = is_keyword,
                                       .is_value = is_value,
                                       .leaves = leaves,
                                       .is_member = is_member,
                                       .is_prefix = is_prefix,
                                       .names_arguments = true,
                                       .arguments = kArguments,
                                       .trailers = kTrailers,
                                       .negation = "not",
                                       .precedence = precedence,
                                       .find_units = find_units,
                                       .find_roles = find_roles,
                                       .read_file = read_python_file,
                                       .read_unit = read_python_unit,
                                       .generators = kGenerators};
  return kPython;
}

}  // namespace corvid::tools::edits
