#pragma once
// Python on the level of tokens: enough to enumerate edits of a line, tolerant of any text.

#include <cstdint>
#include <string_view>
#include <vector>

namespace corvid::tools::edits {

enum class TokenKind : uint8_t { name, number, string, op, newline, indent, dedent };

// A token is a piece of the text it was lexed from; newline, indent and dedent are empty pieces.
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

// Never throws. Strings (f-strings too) are one token each. `newline` ends a logical line; between
// brackets and after a backslash lines continue. `first_line` is the number of the first line.
Lexed lex(std::string_view text, int first_line = 0);

bool is_keyword(std::string_view word);

}  // namespace corvid::tools::edits
