#pragma once
// Code on the level of tokens, whatever its language: enough to enumerate edits of a line.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace corvid::tools::edits {

enum class TokenKind : uint8_t { name, number, string, op, newline, indent, dedent };

// A token is a piece of the text it was lexed from. `newline` ends a statement, `indent` and
// `dedent` begin and end a block; they are empty pieces, or the `;`, `{` and `}` of C.
struct Token {
  TokenKind kind = TokenKind::name;
  int line = 0;        // 0-based, of its first byte
  uint32_t begin = 0;  // byte offsets
  uint32_t end = 0;
};

struct Lexed {
  std::vector<Token> tokens;  // comments and blank lines leave none
  bool is_clean = true;       // false: an unknown byte, an open string or an unbalanced bracket
};

inline bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
inline bool is_name_start(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

// Where a lexer stands in its text, and what it has found before.
class Scanner {
 public:
  Scanner(std::string_view text, int first_line);

 protected:
  unsigned char peek(size_t ahead = 0) const {  // 0 behind the end
    return at_ + ahead < text_.size() ? static_cast<unsigned char>(text_[at_ + ahead]) : 0;
  }
  size_t name_end() const;               // of the name that begins here
  void add(TokenKind kind, size_t end);  // the token from here to `end`
  // The first of `long_ones` that stands here, else one byte, which is one of `short_ones`.
  void add_op(std::span<const std::string_view> long_ones, std::string_view short_ones);

  std::string_view text_;
  int line_ = 0;
  size_t at_ = 0;
  Lexed out_;
};

}  // namespace corvid::tools::edits
