#pragma once
// A file prepared for enumeration: tokens, bracket pairs, logical lines and units.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/language.h"

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

// What a name is where it stands: a use, a type, a variable or a function or class that begins.
enum class Role : uint8_t { value, type, declared, defined };

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
  // `language` must outlive this.
  Source(std::string text, const Language& language);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const std::string& text() const { return text_; }
  const Language& language() const { return language_; }
  int line_count() const { return static_cast<int>(line_starts_.size()) - 1; }
  std::string_view line(int index) const;  // 0-based, without its newline; a final CR is left out
  uint32_t line_begin(int index) const { return line_starts_[static_cast<size_t>(index)]; }

  const std::vector<Token>& tokens() const { return tokens_; }
  const Token& token(int index) const { return tokens_[static_cast<size_t>(index)]; }
  std::string_view str(int index) const;  // text of a token; "" outside of [0, count)
  bool is(int index, std::string_view text) const { return str(index) == text; }
  bool is_member(int index) const { return language_.is_member(str(index)); }
  Role role(int index) const;  // value where there is no such token
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
  int precedence(std::string_view op) const { return language_.precedence(op); }
  // Operands of a binary operator at [op, op_end) within its statement and bracket; -1: none.
  int left_operand(int op) const;               // its first token
  int right_operand(int op, int op_end) const;  // one past its last token

 private:
  void find_brackets();
  void find_statements();

  bool is_negation(int index) const;
  int operator_level(int op) const;

  std::string text_;
  const Language& language_;
  std::vector<uint32_t> line_starts_;
  std::vector<Token> tokens_;
  std::vector<int> match_, opener_, statement_of_;
  std::vector<Statement> statements_;
  std::vector<Role> roles_;
  std::vector<Unit> units_;
};

// Adds a statement outside of functions to the last such stretch of `units`, or as a new one.
void add_stretch(const Source& source, const Statement& s, const std::string& name,
                 std::vector<Unit>& units);

}  // namespace corvid::tools::edits
