#include "engine/text/jinja/lexer.h"

#include <array>
#include <cctype>

#include "runtime/base/error.h"

namespace corvid::engine::jinja {

void fail_at(int line, int column, const std::string& what) {
  fail(Code::invalid, "chat template line " + std::to_string(line) + ", column " +
                          std::to_string(column) + ": " + what);
}

namespace {

constexpr std::string_view kSpace = " \t\n\r\f\v";
constexpr size_t kSourceMax = size_t{1} << 20;
constexpr size_t kNone = std::string_view::npos;

std::string normalize_newlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

bool name_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}
bool name_char(char c) { return name_start(c) || std::isdigit(static_cast<unsigned char>(c)); }
bool digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)), text_(source_) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) data();
    add(TokenType::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void error(const std::string& what) {
    locate();
    fail_at(line_, column_, what);
  }

  void locate() {
    for (; located_ < at_; ++located_) {
      if (text_[located_] == '\n') {
        ++line_;
        column_ = 1;
      } else {
        ++column_;
      }
    }
  }

  void add(TokenType type, std::string text) {
    locate();
    tokens_.push_back({type, std::move(text), line_, column_});
  }

  // Text up to the next tag, then that tag.
  void data() {
    size_t open = at_;
    for (;; ++open) {
      open = text_.find('{', open);
      if (open == kNone || open + 1 >= text_.size()) {
        open = kNone;
        break;
      }
      const char next = text_[open + 1];
      if (next == '%' || next == '{' || next == '#') break;
    }
    if (open == kNone) {
      add(TokenType::data, std::string(text_.substr(at_)));
      at_ = text_.size();
      return;
    }
    std::string_view chunk = text_.substr(at_, open - at_);
    const char kind = text_[open + 1];
    const char sign = open + 2 < text_.size() ? text_[open + 2] : ' ';
    if (sign == '-') {
      const size_t last = chunk.find_last_not_of(kSpace);
      chunk = chunk.substr(0, last == kNone ? 0 : last + 1);
    } else if (sign != '+' && kind != '{') {
      const size_t line = chunk.rfind('\n') + 1;
      if ((line > 0 || line_starting_) && chunk.find_first_not_of(kSpace, line) == kNone) {
        chunk = chunk.substr(0, line);
      }
    }
    if (!chunk.empty()) add(TokenType::data, std::string(chunk));
    at_ = open;
    if (kind == '#') return comment();
    add(kind == '{' ? TokenType::expr_open : TokenType::block_open, "");
    at_ += sign == '-' || sign == '+' ? 3 : 2;
    if (kind == '%' && raw()) return;
    inside(kind == '{' ? '}' : '%');
  }

  void comment() {
    const size_t close = text_.find("#}", at_ + 2);
    if (close == kNone) error("comment is not closed");
    const char sign = close > at_ + 2 ? text_[close - 1] : ' ';
    at_ = close + 2;
    after_tag(sign, true);
  }

  // What a closing tag swallows behind itself.
  void after_tag(char sign, bool trim_newline) {
    const size_t begin = at_;
    if (sign == '-') {
      at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
    } else if (sign != '+' && trim_newline && at_ < text_.size() && text_[at_] == '\n') {
      ++at_;
    }
    line_starting_ = at_ > begin && text_[at_ - 1] == '\n';
  }

  bool raw() {
    size_t at = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
    if (text_.substr(at, 3) != "raw" || at + 3 >= text_.size() || name_char(text_[at + 3])) {
      return false;
    }
    const size_t close = text_.find("%}", at);
    if (close == kNone) error("raw block is not closed");
    tokens_.pop_back();
    const char sign = text_[close - 1];
    at_ = close + 2;
    after_tag(sign, true);
    for (size_t end = at_; (end = text_.find("{%", end)) != kNone; end += 2) {
      const char open_sign = end + 2 < text_.size() ? text_[end + 2] : ' ';
      size_t word = end + (open_sign == '-' || open_sign == '+' ? 3 : 2);
      word = std::min(text_.find_first_not_of(kSpace, word), text_.size());
      if (text_.substr(word, 6) != "endraw") continue;
      const size_t tail = text_.find("%}", word);
      if (tail == kNone) break;
      std::string_view body = text_.substr(at_, end - at_);
      if (open_sign == '-') body = body.substr(0, body.find_last_not_of(kSpace) + 1);
      add(TokenType::data, std::string(body));
      at_ = tail + 2;
      after_tag(text_[tail - 1], true);
      return true;
    }
    error("raw block is not closed");
  }

  // Tokens of an expression or statement up to its closing tag.
  void inside(char close) {
    std::string brackets;
    for (;;) {
      at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
      if (at_ >= text_.size()) error("tag is not closed");
      if (brackets.empty()) {
        const bool sign = text_[at_] == '-' || text_[at_] == '+';
        const size_t end = at_ + (sign ? 1 : 0);
        if (text_.substr(end, 2) == std::string{close, '}'}) {
          const char mark = sign ? text_[at_] : ' ';
          add(close == '}' ? TokenType::expr_close : TokenType::block_close, "");
          at_ = end + 2;
          return after_tag(mark, close == '%');
        }
      }
      const char c = text_[at_];
      if (name_start(c)) {
        size_t end = at_;
        while (end < text_.size() && name_char(text_[end])) ++end;
        add(TokenType::name, std::string(text_.substr(at_, end - at_)));
        at_ = end;
      } else if (digit(c)) {
        number();
      } else if (c == '"' || c == '\'') {
        string(c);
      } else {
        op(brackets);
      }
    }
  }

  void number() {
    size_t end = at_;
    bool is_real = false;
    while (end < text_.size() && (digit(text_[end]) || text_[end] == '_')) ++end;
    if (end + 1 < text_.size() && text_[end] == '.' && digit(text_[end + 1])) {
      is_real = true;
      ++end;
      while (end < text_.size() && digit(text_[end])) ++end;
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      size_t exponent = end + 1;
      if (exponent < text_.size() && (text_[exponent] == '-' || text_[exponent] == '+')) ++exponent;
      if (exponent < text_.size() && digit(text_[exponent])) {
        is_real = true;
        end = exponent;
        while (end < text_.size() && digit(text_[end])) ++end;
      }
    }
    std::string digits;
    for (char c : text_.substr(at_, end - at_)) {
      if (c != '_') digits += c;
    }
    if (digits.size() > 40) error("number is too long");
    add(is_real ? TokenType::real : TokenType::integer, digits);
    at_ = end;
  }

  uint32_t hex(size_t at, size_t count) {
    uint32_t code = 0;
    for (size_t i = 0; i < count; ++i) {
      const char c = at + i < text_.size() ? text_[at + i] : ' ';
      if (!std::isxdigit(static_cast<unsigned char>(c))) error("bad escape in string");
      code = code * 16 + static_cast<uint32_t>(digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (code > 0x10FFFF) error("bad escape in string");
    return code;
  }

  void string(char quote) {
    std::string value;
    size_t at = at_ + 1;
    for (;; ++at) {
      if (at >= text_.size()) error("string is not closed");
      if (text_[at] == quote) break;
      if (text_[at] != '\\' || at + 1 >= text_.size()) {
        value += text_[at];
        continue;
      }
      const char c = text_[++at];
      constexpr std::string_view kFrom = "ntrbfav0\\'\"", kTo("\n\t\r\b\f\a\v\0\\'\"", 11);
      if (const size_t simple = kFrom.find(c); simple != kNone) {
        value += kTo[simple];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_utf8(value, hex(at + 1, count));
        at += count;
      } else if (c != '\n') {
        value += '\\';
        value += c;
      }
    }
    add(TokenType::string, std::move(value));
    at_ = at + 1;
  }

  void op(std::string& brackets) {
    constexpr std::array<std::string_view, 7> kTwo{"==", "!=", "<=", ">=", "//", "**", "->"};
    const std::string_view two = text_.substr(at_, 2);
    for (std::string_view known : kTwo) {
      if (two == known) {
        add(TokenType::op, std::string(two));
        at_ += 2;
        return;
      }
    }
    const char c = text_[at_];
    if (std::string_view("+-*/%~<>=.,:|()[]{};").find(c) == kNone) {
      error(std::string("unexpected character '") + c + "'");
    }
    if (c == '(' || c == '[' || c == '{') brackets += c;
    if (c == ')' || c == ']' || c == '}') {
      const char wanted = c == ')' ? '(' : c == ']' ? '[' : '{';
      if (brackets.empty() || brackets.back() != wanted) {
        error(std::string("unexpected '") + c + "'");
      }
      brackets.pop_back();
    }
    add(TokenType::op, std::string(1, c));
    ++at_;
  }

  std::string source_;
  std::string_view text_;
  size_t at_ = 0, located_ = 0;
  int line_ = 1, column_ = 1;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) {
  if (source.size() > kSourceMax) fail(Code::invalid, "chat template is larger than 1 MiB");
  return Lexer(normalize_newlines(source)).run();
}

}  // namespace corvid::engine::jinja
