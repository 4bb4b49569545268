#pragma once
// Template source -> tokens, with whitespace control applied (trim_blocks and lstrip_blocks on, one
// trailing newline dropped: what Hugging Face's environment does).

#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine::jinja {

enum class TokenType {
  data, expr_open, expr_close, block_open, block_close, name, string, integer, real, op, end
};

struct Token {
  TokenType type;
  std::string text;
  int line = 1, column = 1;
};

[[noreturn]] void fail_at(int line, int column, const std::string& what);

// Throws invalid with line and column.
std::vector<Token> tokenize(std::string_view source);

}  // namespace corvid::engine::jinja
