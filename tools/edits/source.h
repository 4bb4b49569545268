#pragma once
// A Python file prepared for enumeration: tokens, bracket pairs, logical lines and units.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/lexer.h"

namespace corvid::tools::edits {

// A function with everything nested in it, or a stretch of module or class level statements.
// Candidates of one unit compete with each other first.
struct Unit {
  std::string name;  // of the function, with the names of its classes: "Shape.area"
  bool is_function = false;
  int first_line = 0;   // 0-based; of the `def`, below any decorator
  int last_line = 0;    // inclusive, with statements
  int first_token = 0;  // [first_token, last_token)
  int last_token = 0;
};

// A logical line without its newline, indent and dedent tokens.
struct Statement {
  int first_token = 0;
  int last_token = 0;  // exclusive: the newline token, or the end
  int first_line = 0;
  int last_line = 0;
  int column = 0;  // of its first token
};

class Source {
 public:
  explicit Source(std::string text);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const std::string& text() const { return text_; }
  int line_count() const { return static_cast<int>(line_starts_.size()) - 1; }
  std::string_view line(int index) const;  // 0-based, without its newline; a final CR is left out
  uint32_t line_begin(int index) const { return line_starts_[static_cast<size_t>(index)]; }

  const std::vector<Token>& tokens() const { return tokens_; }
  const Token& token(int index) const { return tokens_[static_cast<size_t>(index)]; }
  std::string_view str(int index) const;  // text of a token; "" outside of [0, count)
  bool is(int index, std::string_view text) const { return str(index) == text; }
  bool is_plain_name(int index) const;  // a name that is no keyword
  int match(int index) const { return match_[static_cast<size_t>(index)]; }  // other bracket or -1
  int opener(int index) const {
    return opener_[static_cast<size_t>(index)];
  }  // enclosing bracket or -1
  int count() const { return static_cast<int>(tokens_.size()); }

  const std::vector<Statement>& statements() const { return statements_; }
  int statement_of(int token) const { return statement_of_[static_cast<size_t>(token)]; }  // or -1
  const std::vector<Unit>& units() const { return units_; }

  // Whether the bytes between two tokens, both ends included, lie on one physical line.
  bool on_one_line(int first, int last) const;

  // First token of the atom with trailers that ends at `last`, or -1.
  int primary_begin(int last) const;
  // One past the last token of the atom with trailers that begins at `first`, or -1.
  int primary_end(int first) const;
  // Operands of a binary operator at [op, op_end) within its statement and bracket; -1: none.
  int left_operand(int op) const;               // its first token
  int right_operand(int op, int op_end) const;  // one past its last token

 private:
  void find_brackets();
  void find_statements();
  void find_units();

  std::string text_;
  std::vector<uint32_t> line_starts_;
  std::vector<Token> tokens_;
  std::vector<int> match_, opener_, statement_of_;
  std::vector<Statement> statements_;
  std::vector<Unit> units_;
};

// Binding power of a binary operator as written ("or", "<", "not in", "+"), or 0.
int precedence(std::string_view op);

}  // namespace corvid::tools::edits
