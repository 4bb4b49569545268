#pragma once
// Code on the level of tokens, whatever its language: enough to enumerate edits of a line.

#include <cstdint>
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

}  // namespace corvid::tools::edits
