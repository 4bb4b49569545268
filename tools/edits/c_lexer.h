#pragma once
// C and C++ on the level of tokens and blocks, without a preprocessor.

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "tools/edits/lexer.h"

namespace corvid::tools::edits {

// As Language::lex. A character is a number; braces of initializers are operators, those of blocks
// indent and dedent.
Lexed lex_c(std::string_view text, int first_line);

inline bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What stands before a `{`: the words of a statement, texts by index.
template <typename At>
struct Head {
  At at;
  int first = 0;
  int last = 0;  // exclusive

  // A pair of brackets that is not within others.
  bool has_pair() const {
    for (int i = first; i < last; ++i) {
      if (at(i) == "(") return true;
      if (at(i) == "=") return false;
    }
    return false;
  }
  bool has(std::initializer_list<std::string_view> words) const {
    for (int i = first; i < last; ++i) {
      if (is_one_of(at(i), words)) return true;
    }
    return false;
  }
  // What stands last says that a function's parameters end here.
  bool ends_parameters() const {
    const std::string_view tail = at(last - 1);
    if (tail == ")") return true;
    if (!has_pair()) return false;
    return is_one_of(tail, {"const", "noexcept", "override", "final", "mutable", "volatile", "try",
                            "&", "&&"}) ||
           has({"->"});
  }
  // Whether the block is code, where the statement stands outside of functions.
  bool opens_code() const {
    if (first >= last) return true;  // after parameters in the old style
    const std::string_view head = at(first);
    if (head == "namespace" || head == "extern" || head == "inline") {
      if (has({"namespace"}) || (head == "extern" && last == first + 2)) return false;
    }
    return ends_parameters() || (has_pair() && !has({"class", "struct", "union", "enum"}));
  }
  bool opens_initializer(bool in_code) const {
    if (first >= last) return false;
    const std::string_view head = at(first), tail = at(last - 1);
    const bool is_other_op = !tail.empty() && !is_name_start(static_cast<unsigned char>(tail[0])) &&
                             !is_one_of(tail, {")", ">", "]", "&", "&&", "*", "}"}) &&
                             tail.front() != '"';
    if (is_other_op || head == "return") return true;
    if (is_one_of(head, {"namespace", "else", "do", "try"})) return false;
    if (head == "extern" && last == first + 2) return false;
    const bool assigns = has({"="});
    if (ends_parameters()) return assigns && in_code;
    if (has({"enum"}) && !has_pair()) return true;
    if (has({"class", "struct", "union", "namespace"}) && !assigns) return false;
    return in_code || !has_pair() || assigns;
  }
};

}  // namespace corvid::tools::edits
