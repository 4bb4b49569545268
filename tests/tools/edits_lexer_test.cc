#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tools/edits/lexer.h"
#include "tools/edits/source.h"

using namespace corvid::tools::edits;

namespace {

Lexed lex_python(const std::string& code) { return python_language().lex(code, 0); }

std::vector<std::string> texts(const std::string& code) {
  std::vector<std::string> out;
  for (const Token& t : lex_python(code).tokens) {
    if (t.kind == TokenKind::newline) {
      out.emplace_back("NL");
    } else if (t.kind == TokenKind::indent) {
      out.emplace_back(">");
    } else if (t.kind == TokenKind::dedent) {
      out.emplace_back("<");
    } else {
      out.push_back(code.substr(t.begin, t.end - t.begin));
    }
  }
  return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("The lexer marks blocks and leaves out comments and blank lines") {
  CHECK(texts("if a:  # why\n\n    # note\n    b = 1\nc\n") ==
        Texts{"if", "a", ":", "NL", ">", "b", "=", "1", "NL", "<", "c", "NL"});
}

TEST_CASE("Lines continue between brackets and after a backslash") {
  CHECK(texts("f(a,\n  b)\n") == Texts{"f", "(", "a", ",", "b", ")", "NL"});
  CHECK(texts("a = \\\n  b\n") == Texts{"a", "=", "b", "NL"});
}

TEST_CASE("Strings of every form are one token each") {
  CHECK(texts("x = rb'a\\'b' + f\"{y!r}\" + '''p\nq''' + \"\"\n") ==
        Texts{"x", "=", "rb'a\\'b'", "+", "f\"{y!r}\"", "+", "'''p\nq'''", "+", "\"\"", "NL"});
}

TEST_CASE("Numbers and long operators are whole tokens") {
  CHECK(texts("a **= 1e-5 // 0x_ff - .5j != b -> c := ...\n") ==
        Texts{"a", "**=", "1e-5", "//", "0x_ff", "-", ".5j", "!=", "b", "->", "c", ":=", "...",
              "NL"});
}

TEST_CASE("Any bytes can be lexed and bad ones are reported") {
  CHECK_FALSE(lex_python("a = 'open\n").is_clean);
  CHECK_FALSE(lex_python("f((a)\n").is_clean);
  CHECK_FALSE(lex_python("a)\n").is_clean);
  CHECK_FALSE(lex_python("a ? b\n").is_clean);
  CHECK(lex_python("a = (1)\n").is_clean);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(lex_python(all + all).tokens.size() > 10);
  CHECK(lex_python("").tokens.empty());
  CHECK(lex_python("\\").tokens.size() <= 2);
  CHECK(lex_python("'''").tokens.size() <= 2);
}

TEST_CASE("Functions are found with their classes and everything nested in them") {
  const Source source(
      "import os\n\nclass A:\n    x = 1\n\n    @property\n    def f(self):\n        def g():\n"
      "            return 2\n        return g\n\n    async def h(self): return 3\n\ny = 2\n",
      python_language());
  std::vector<std::string> names;
  for (const Unit& unit : source.units()) {
    if (unit.is_function) names.push_back(unit.name);
  }
  CHECK(names == Texts{"A.f", "A.h"});
  for (const Unit& unit : source.units()) {
    if (unit.name != "A.f" || !unit.is_function) continue;
    CHECK(unit.first_line == 6);
    CHECK(unit.last_line == 9);
    CHECK(source.is(unit.first_token, "def"));
  }
}

TEST_CASE("Operands end where a weaker operator or a bracket begins") {
  const Source source("x = a.b(c) - -d[0] * e and f\n", python_language());
  int minus = -1, both = -1;
  for (int i = 0; i < source.count(); ++i) {
    if (source.is(i, "-") && minus < 0) minus = i;
    if (source.is(i, "and")) both = i;
  }
  CHECK(source.is(source.left_operand(minus), "a"));
  CHECK(source.is(source.right_operand(minus, minus + 1), "and"));
  CHECK(source.is(source.left_operand(both), "a"));
  CHECK(source.token(source.right_operand(both, both + 1)).kind == TokenKind::newline);
}
