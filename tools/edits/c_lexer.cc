#include "tools/edits/c_lexer.h"

#include <array>
#include <string>
#include <vector>

namespace corvid::tools::edits {

namespace {

constexpr std::array<std::string_view, 26> kLong = {
    "<<=", ">>=", "...", "->*", "<=>", "->", "++", "--", "<<", ">>", "<=", ">=", "==",
    "!=",  "&&",  "||",  "+=",  "-=",  "*=", "/=", "%=", "&=", "|=", "^=", "::", "##"};

class Lexer : Scanner {
 public:
  using Scanner::Scanner;

  Lexed run() {
    while (at_ < text_.size()) step();
    if (!state_.open.empty()) out_.is_clean = false;
    end_statement();
    for (; !state_.blocks.empty(); state_.blocks.pop_back()) {
      if (!state_.blocks.back().is_bare) out_.is_clean = false;
      mark(TokenKind::dedent);
    }
    return std::move(out_);
  }

 private:
  struct Block {
    bool is_code = false;
    bool is_bare = false;  // of one statement, without braces
  };
  struct State {
    std::vector<Block> blocks;
    std::string open;        // brackets
    int first = -1;          // token of the statement, or -1
    bool is_header = false;  // the statement is whole but for its block
    int questions = 0;       // `?` without their `:`
  };

  std::string_view str(int index) const {
    if (index < 0 || index >= count()) return {};
    const Token& t = out_.tokens[static_cast<size_t>(index)];
    return text_.substr(t.begin, t.end - t.begin);
  }
  int count() const { return static_cast<int>(out_.tokens.size()); }
  bool in_code() const { return !state_.blocks.empty() && state_.blocks.back().is_code; }

  // An empty token right behind the last one.
  void mark(TokenKind kind) {
    const uint32_t end = out_.tokens.empty() ? 0 : out_.tokens.back().end;
    out_.tokens.push_back({kind, out_.tokens.empty() ? line_ : out_.tokens.back().line, end, end});
  }

  void end_statement() {
    if (state_.first >= 0) mark(TokenKind::newline);
    state_.first = -1;
    state_.is_header = false;
    state_.questions = 0;
  }

  void close_bare() {
    while (!state_.blocks.empty() && state_.blocks.back().is_bare) {
      state_.blocks.pop_back();
      mark(TokenKind::dedent);
    }
  }

  void step() {
    const unsigned char c = peek();
    if (c == '\n') {
      ++at_;
      ++line_;
      is_line_start_ = true;
    } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
      ++at_;
    } else if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
      at_ += peek(1) == '\n' ? 2 : 3;
      ++line_;
    } else if (c == '/' && (peek(1) == '/' || peek(1) == '*')) {
      comment();
    } else if (c == '#' && is_line_start_) {
      directive();
    } else {
      is_line_start_ = false;
      token(c);
    }
  }

  void comment() {
    const bool is_block = peek(1) == '*';
    at_ += 2;
    while (at_ < text_.size()) {
      if (is_block && peek() == '*' && peek(1) == '/') {
        at_ += 2;
        return;
      }
      if (!is_block && peek() == '\n' && text_[at_ - 1] != '\\') return;
      line_ += peek() == '\n';
      ++at_;
    }
    if (is_block) out_.is_clean = false;
  }

  // A line of the preprocessor is a statement; within another statement it is left out.
  void directive() {
    size_t word = at_ + 1;
    while (word < text_.size() && (text_[word] == ' ' || text_[word] == '\t')) ++word;
    size_t end = word;
    while (end < text_.size() && is_name_start(static_cast<unsigned char>(text_[end]))) ++end;
    const std::string_view name = text_.substr(word, end - word);
    if (name.starts_with("if")) saved_.push_back(state_);
    if (name.starts_with("el") && !saved_.empty()) restore(saved_.back());
    if (name == "endif" && !saved_.empty()) saved_.pop_back();
    const bool is_text = is_one_of(name, {"error", "warning", "pragma", "line"});
    const bool is_inside = state_.first >= 0 || !state_.open.empty();
    const int first = count();
    while (at_ < text_.size() && peek() != '\n') {
      const unsigned char c = peek();
      const size_t skip = c == '\\' && peek(1) == '\r' ? 3 : 2;
      if (c == '\\' && (peek(1) == '\n' || (peek(1) == '\r' && peek(2) == '\n'))) {
        at_ += skip;
        ++line_;
      } else if (c == '/' && (peek(1) == '/' || peek(1) == '*')) {
        comment();
      } else if (is_text || is_inside || c <= ' ') {
        ++at_;
      } else if (c == '<' && name == "include") {
        add(TokenKind::string, std::min(text_.find_first_of(">\n", at_), text_.size() - 1) + 1);
        if (out_.tokens.back().end > 0 && text_[out_.tokens.back().end - 1] == '\n') --at_;
      } else {
        raw(c);
      }
    }
    if (count() > first) mark(TokenKind::newline);
  }

  // Of branches of the preprocessor each begins where the first one began.
  void restore(const State& state) {
    for (size_t n = state_.blocks.size(); n > state.blocks.size(); --n) mark(TokenKind::dedent);
    for (size_t n = state_.blocks.size(); n < state.blocks.size(); ++n) mark(TokenKind::indent);
    state_ = state;
  }

  void token(unsigned char c) {
    if (state_.is_header && !goes_on(c)) {
      end_statement();
      mark(TokenKind::indent);
      out_.tokens.back().begin = out_.tokens.back().end = static_cast<uint32_t>(at_);
      out_.tokens.back().line = line_;
      state_.blocks.push_back({true, true});
    }
    if (c == '{') return open_brace();
    if (c == '}') return close_brace();
    if (c == ';' && state_.open.empty()) return semicolon();
    const int index = count();
    raw(c);
    if (state_.first < 0) state_.first = index;
    follow(index);
  }

  // Whether what comes next belongs to a header: its block, the `if` of an `else`, an empty body.
  bool goes_on(unsigned char c) {
    if (c == '{' || c == ';') return true;
    const bool is_else_if = count() == state_.first + 1 && str(state_.first) == "else" &&
                            text_.substr(at_, 2) == "if" && !is_name_start(peek(2)) &&
                            !is_digit(peek(2));
    if (is_else_if) state_.is_header = false;
    return is_else_if;
  }

  // What a token means for the statement that it is in.
  void follow(int index) {
    const std::string_view text = str(index);
    std::string& open = state_.open;
    if (text == "(" || text == "[") {
      open += text;
      return;
    }
    if (text == ")" || text == "]") {
      const char wanted = text == ")" ? '(' : '[';
      if (open.empty() || open.back() != wanted) {
        out_.is_clean = false;
        if (open.find(wanted) == std::string::npos) return;
        while (open.back() != wanted) open.pop_back();
      }
      open.pop_back();
      if (!open.empty() || text == "]") return;
      const bool is_else = str(state_.first) == "else";
      const std::string_view head = str(is_else ? state_.first + 1 : state_.first);
      state_.is_header = is_one_of(head, {"if", "while", "for", "switch", "catch"});
      return;
    }
    if (!open.empty()) return;
    if (index == state_.first && is_one_of(text, {"else", "do", "try"})) state_.is_header = true;
    if (text == "?") ++state_.questions;
    if (text != ":") return;
    if (state_.questions > 0) {
      --state_.questions;
      return;
    }
    const std::string_view head = str(state_.first);
    const bool is_label = is_one_of(head, {"case", "default", "public", "private", "protected"}) ||
                          (in_code() && index == state_.first + 1);
    if (is_label) end_statement();
  }

  void open_brace() {
    const auto texts = [this](int i) { return str(i); };
    const int first = state_.first < 0 ? count() : state_.first;
    const Head<decltype(texts)> head{texts, first, count()};
    if (!state_.open.empty() || (!state_.is_header && head.opens_initializer(in_code()))) {
      if (state_.first < 0) state_.first = count();
      add(TokenKind::op, at_ + 1);
      state_.open += '{';
      return;
    }
    const bool is_code = in_code() || head.opens_code();
    end_statement();
    add(TokenKind::indent, at_ + 1);
    state_.blocks.push_back({is_code, false});
  }

  void close_brace() {
    std::string& open = state_.open;
    if (open.find('{') != std::string::npos) {
      if (open.back() != '{') out_.is_clean = false;
      while (open.back() != '{') open.pop_back();
      open.pop_back();
      add(TokenKind::op, at_ + 1);
      return;
    }
    if (!open.empty()) out_.is_clean = false;
    open.clear();
    end_statement();
    close_bare();
    if (state_.blocks.empty()) {
      out_.is_clean = false;
      ++at_;
      return;
    }
    add(TokenKind::dedent, at_ + 1);
    state_.blocks.pop_back();
    close_bare();
  }

  void semicolon() {
    if (state_.first < 0) {
      ++at_;
    } else {
      add(TokenKind::newline, at_ + 1);
      state_.first = -1;
      state_.is_header = false;
      state_.questions = 0;
    }
    close_bare();
  }

  // One token, whatever is around it.
  void raw(unsigned char c) {
    if (is_name_start(c)) {
      const size_t end = name_end();
      const std::string_view prefix = text_.substr(at_, end - at_);
      const bool opens = end < text_.size() && (text_[end] == '"' || text_[end] == '\'');
      if (opens && is_one_of(prefix, {"L", "u", "U", "u8"})) return quoted(end);
      if (opens && text_[end] == '"' && is_one_of(prefix, {"R", "LR", "uR", "UR", "u8R"})) {
        return raw_string(end);
      }
      return add(TokenKind::name, end);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '"' || c == '\'') return quoted(at_);
    add_op(kLong, "()[]{}<>=+-*/%&|^~!?:;,.#");
  }

  void number() {
    size_t end = at_ + 1;
    while (end < text_.size()) {
      const unsigned char c = static_cast<unsigned char>(text_[end]);
      const char before = static_cast<char>(text_[end - 1] | 32);
      const bool is_hex = text_.substr(at_, 2) == "0x" || text_.substr(at_, 2) == "0X";
      const bool is_sign = (c == '+' || c == '-') && (before == 'p' || (before == 'e' && !is_hex));
      const bool is_mark = c == '\'' && end + 1 < text_.size() &&
                           is_digit(static_cast<unsigned char>(text_[end + 1]));
      if (!is_digit(c) && !is_name_start(c) && c != '.' && !is_sign && !is_mark) break;
      ++end;
    }
    add(TokenKind::number, end);
  }

  // A character is a number. `quote` is the offset of the opening quote.
  void quoted(size_t quote) {
    const char mark = text_[quote];
    size_t end = quote + 1;
    int lines = 0;
    while (end < text_.size() && text_[end] != mark && text_[end] != '\n') {
      if (text_[end] == '\\' && end + 1 < text_.size()) lines += text_[++end] == '\n';
      ++end;
    }
    const bool is_closed = end < text_.size() && text_[end] == mark;
    out_.is_clean = out_.is_clean && is_closed;
    add(mark == '"' ? TokenKind::string : TokenKind::number,
        std::min(end + (is_closed ? 1 : 0), text_.size()));
    line_ += lines;
  }

  void raw_string(size_t quote) {
    const size_t open = std::min(text_.find('(', quote), text_.size());
    std::string close = ")";
    close.append(text_.substr(quote + 1, std::min<size_t>(open - quote - 1, 16))).append("\"");
    const size_t found = text_.find(close, open);
    out_.is_clean = out_.is_clean && found != std::string_view::npos;
    const size_t end = found == std::string_view::npos ? text_.size() : found + close.size();
    const auto lines = std::count(text_.begin() + static_cast<long>(at_),
                                  text_.begin() + static_cast<long>(end), '\n');
    add(TokenKind::string, end);
    line_ += static_cast<int>(lines);
  }

  bool is_line_start_ = true;
  State state_;
  std::vector<State> saved_;  // at the open #if
};

}  // namespace

Lexed lex_c(std::string_view text, int first_line) { return Lexer(text, first_line).run(); }

}  // namespace corvid::tools::edits
