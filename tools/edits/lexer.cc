#include "tools/edits/lexer.h"

namespace corvid::tools::edits {

Scanner::Scanner(std::string_view text, int first_line) : text_(text), line_(first_line) {
  out_.tokens.reserve(text.size() / 4 + 4);
}

size_t Scanner::name_end() const {
  size_t end = at_ + 1;
  for (; end < text_.size(); ++end) {
    const auto c = static_cast<unsigned char>(text_[end]);
    if (!is_name_start(c) && !is_digit(c)) break;
  }
  return end;
}

void Scanner::add(TokenKind kind, size_t end) {
  out_.tokens.push_back({kind, line_, static_cast<uint32_t>(at_), static_cast<uint32_t>(end)});
  at_ = end;
}

void Scanner::add_op(std::span<const std::string_view> long_ones, std::string_view short_ones) {
  for (const std::string_view candidate : long_ones) {
    if (text_.substr(at_, candidate.size()) == candidate) {
      return add(TokenKind::op, at_ + candidate.size());
    }
  }
  if (short_ones.find(text_[at_]) == std::string_view::npos) out_.is_clean = false;
  add(TokenKind::op, at_ + 1);
}

}  // namespace corvid::tools::edits
