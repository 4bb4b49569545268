#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "tests/tools/edit_fixture.h"
#include "tools/edits/candidates.h"
#include "tools/edits/source.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

using Words = std::vector<std::string>;

edits::Lexed lex_c(const std::string& code) { return edits::c_language().lex(code, 0); }

Words c_texts(const std::string& code) {
  Words out;
  for (const edits::Token& t : lex_c(code).tokens) {
    if (t.kind == edits::TokenKind::newline) {
      out.emplace_back("NL");
    } else if (t.kind == edits::TokenKind::indent) {
      out.emplace_back(">");
    } else if (t.kind == edits::TokenKind::dedent) {
      out.emplace_back("<");
    } else {
      out.push_back(code.substr(t.begin, t.end - t.begin));
    }
  }
  return out;
}

Words functions_in(const std::string& code) {
  const edits::Source source(code, edits::c_language());
  Words out;
  for (const edits::Unit& unit : source.units()) {
    if (!unit.is_function) continue;
    out.push_back(unit.name + " " + std::to_string(unit.first_line + 1) + "-" +
                  std::to_string(unit.last_line + 1));
  }
  return out;
}

const std::string kRing =
    "#include \"ring.h\"\n"
    "#define RING_MAX 64\n"
    "\n"
    "static int ring_next(const struct ring *r, int at)\n"
    "{\n"
    "\treturn (at + 1) % r->size;\n"
    "}\n"
    "\n"
    "int ring_push(struct ring *r, int value, int limit)\n"
    "{\n"
    "\tint i, found = 0;\n"
    "\n"
    "\tif (r == NULL || r->count >= r->size)\n"
    "\t\treturn -1;\n"
    "\tfor (i = 0; i < r->count; i++) {\n"
    "\t\tif (r->items[i] == value) {\n"
    "\t\t\tfound = 1;\n"
    "\t\t\tbreak;\n"
    "\t\t}\n"
    "\t}\n"
    "\tif (!found && value <= limit)\n"
    "\t\tr->items[r->count++] = value;\n"
    "\tr->end = ring_next(r, r->end);\n"
    "\treturn found ? 1 : 0;\n"
    "}\n";

std::unique_ptr<EditRanker> c_ranker() {
  return EditRanker::load(
      {{"c", std::filesystem::path(CORVID_SOURCE_DIR) / "examples/fledgling/c.tables"}});
}

std::vector<EditCandidate> rank_c(const std::string& text, const Evidence& evidence = {}) {
  EditOptions options;
  options.limit = 1 << 20;
  options.ranking = EditRanking::tables;
  static const auto ranker = c_ranker();
  const std::vector<SourceFile> files = {{"ring.c", text}};
  return ranker->rank(files, evidence, options, {});
}

// Whether a candidate makes `right` of `wrong`.
bool is_mended(const std::string& wrong, const std::string& right) {
  const auto all = rank_c(wrong);
  return std::any_of(all.begin(), all.end(),
                     [&](const EditCandidate& c) { return applied(wrong, c) == right; });
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("C's statements end at semicolons, blocks at braces, with or without braces") {
  CHECK(c_texts("if (a) { b = 1; } else c();") == Words{"if", "(", "a", ")", "NL", ">", "b", "=",
                                                        "1", "NL", "<", "else", "NL", ">", "c", "(",
                                                        ")", "NL", "<"});
  CHECK(c_texts("for (i = 0; i < n; i++) if (x) y(); z();") ==
        Words{"for", "(", "i", "=",  "0", ";", "i", "<", "n",  ";", "i", "++", ")", "NL", ">", "if",
              "(",   "x", ")", "NL", ">", "y", "(", ")", "NL", "<", "<", "z",  "(", ")",  "NL"});
  CHECK(c_texts("int a[] = {1, 2}; // note\n") ==
        Words{"int", "a", "[", "]", "=", "{", "1", ",", "2", "}", "NL"});
  CHECK(c_texts("do x(); while (y);") ==
        Words{"do", "NL", ">", "x", "(", ")", "NL", "<", "while", "(", "y", ")", "NL"});
}

TEST_CASE("C's strings, characters, numbers and operators are whole tokens") {
  CHECK(c_texts("a = R\"x(\")y)x\" \"b\\\"c\" L'\\n';") ==
        Words{"a", "=", "R\"x(\")y)x\"", "\"b\\\"c\"", "L'\\n'", "NL"});
  CHECK(c_texts("a <<= 0x1fUL - 1'000 + 1.5e-3f; b->c ? d::e : --f;") ==
        Words{"a", "<<=", "0x1fUL", "-", "1'000", "+", "1.5e-3f", "NL", "b", "->", "c", "?", "d",
              "::", "e", ":", "--", "f", "NL"});
  CHECK(c_texts("/* a\nb */ x; // c \\\n d\ny;") == Words{"x", "NL", "y", "NL"});
}

TEST_CASE("lines of the preprocessor are statements and its branches do not unbalance blocks") {
  CHECK(c_texts("#define MAX(a) \\\n ((a) + 1) // one\nint x;\n") ==
        Words{"#", "define", "MAX", "(", "a", ")", "(", "(", "a", ")", "+", "1", ")", "NL", "int",
              "x", "NL"});
  CHECK(c_texts("#error don't\n#include <a.h>\n") == Words{"#", "include", "<a.h>", "NL"});
  CHECK(functions_in("int f(int a) {\n#ifdef A\n  if (a) {\n#else\n  if (!a) {\n#endif\n    a++;\n"
                     "  }\n  return a;\n}\nint g(void) { return 1; }\n") ==
        Words{"f 1-10", "g 11-11"});
}

TEST_CASE("any bytes can be lexed as C and bad ones are reported") {
  for (const char* bad : {"a = \"open\n", "f((a);", "a);", "a @ b;", "/* open", "{ a;", "}"}) {
    INFO(bad);
    CHECK_FALSE(lex_c(bad).is_clean);
  }
  CHECK(lex_c("a = f((int)b, {1});").is_clean);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& text :
       {all + all, std::string("#if\n#else\n#else\n#endif\n#endif"), std::string("#include <"),
        std::string("R\"("), std::string("}{}{{{((("), std::string("else else if"),
        kRing.substr(0, 150)}) {
    const edits::Source source(text, edits::c_language());
    CHECK(source.count() < 2000);
  }
  // Cut off anywhere, turned round: nothing is read beyond the end.
  for (size_t size = 0; size < kRing.size(); size += 7) {
    std::string part = kRing.substr(0, size);
    CHECK_NOTHROW(rank_c(part));
    std::reverse(part.begin(), part.end());
    CHECK_NOTHROW(rank_c(part));
  }
}

TEST_CASE("functions of C and C++ are found with their classes and lines") {
  CHECK(functions_in(kRing) == Words{"ring_next 4-7", "ring_push 9-25"});
  CHECK(functions_in("namespace a {\nclass Stack final : public Base {\n public:\n"
                     "  explicit Stack(int n) : size_(n), items_{} {}\n"
                     "  int size() const noexcept override {\n    return size_;\n  }\n"
                     "  bool operator==(const Stack& o) const { return size_ == o.size_; }\n"
                     " private:\n  int size_ = 0;\n};\n"
                     "template <typename T>\nstd::vector<T> Stack::all(std::function<T()> make)\n"
                     "{\n  return {make()};\n}\n}  // namespace a\n"
                     "struct point { int x; };\nenum { A, B };\nint table[] = {1, 2};\n"
                     "extern \"C\" {\nstatic void last(void) {}\n}\n") ==
        Words{"Stack.Stack 4-4", "Stack.size 5-7", "Stack.operator 8-8", "Stack.all 12-16",
              "last 22-22"});
  CHECK(functions_in("API(int) is_raw(const item *i) {\n  return i->raw;\n}\n"
                     "static API(const char *) text(void) {\n  return 0;\n}\n"
                     "Stack(int n) : size_(n) {}\nCASE(first, test) {\n}\n") ==
        Words{"is_raw 1-3", "text 4-6", "Stack 7-7", "CASE 8-9"});
}

TEST_CASE("C candidates lex, keep brackets balanced, change the file and are unique") {
  const auto all = rank_c(kRing);
  CHECK(all.size() > 500);
  std::set<std::string> seen;
  for (const EditCandidate& c : all) {
    const std::string changed = applied(kRing, c);
    INFO(c.line << ": " << c.new_text << " (" << c.kind << ")");
    CHECK(changed != kRing);
    CHECK(lex_c(changed).is_clean);
    CHECK(seen.insert(changed).second);
  }
}

TEST_CASE("the generators undo the common one-line bugs of C") {
  struct Slip {
    std::string right, wrong;
  };
  const std::vector<Slip> slips = {
      {"(at + 1)", "(at - 1)"},
      {"% r->size", "% r->count"},
      {"r == NULL ||", "r != NULL ||"},
      {"NULL || r", "NULL && r"},
      {"count >= r", "count > r"},
      {"return -1", "return 1"},
      {"i = 0; i <", "i = 1; i <"},
      {"i < r->count", "i <= r->count"},
      {"i < r->count; i++", "i < r->count; i--"},
      {"items[i] ==", "items[i + 1] =="},
      {"items[i] == value", "items[i] = value"},
      {"items[i] == value", "items[i] == limit"},
      {"found = 1", "found = 0"},
      {"break;", "continue;"},
      {"!found", "found"},
      {"count++] = value", "count--] = value"},
      {"ring_next(r, r->end)", "ring_next(r->end, r)"},
      {"ring_next(r, r->end)", "ring_push(r, r->end)"},
      {"found ? 1 : 0", "found ? 0 : 1"},
      {"r->end = ", "r.end = "},
      {"found = 0;", "found = 1;"},
  };
  for (const Slip& slip : slips) {
    INFO(slip.right << " <- " << slip.wrong);
    CHECK(is_mended(replaced(kRing, slip.right, slip.wrong), kRing));
  }
}

TEST_CASE("lost lines of C come back where a block is empty, and before labels") {
  const std::string right =
      "int next(int kind, char *text)\n{\n    int code = 0;\n\n    if (kind == 2) {\n"
      "        return 0;\n    }\n    switch (kind) {\n    case 0:\n        code = 1;\n"
      "        break;\n    default:\n        return 0;\n    }\n    if (text == NULL)\n"
      "        goto out;\n    code = 2;\n    goto out;\nout:\n    return code;\n}\n";
  for (const std::string line : {"        return 0;\n", "        break;\n", "    goto out;\n"}) {
    INFO(line);
    CHECK(is_mended(replaced(right, "\n" + line, "\n"), right));
  }
}

TEST_CASE("a lost break of C is inserted and an extra line deleted") {
  CHECK(is_mended(replaced(kRing, "\t\t\tbreak;\n", ""), kRing));
  CHECK(is_mended(replaced(kRing, "\tr->end", "\tvalue++;\n\tr->end"), kRing));
}

TEST_CASE("C's likely repairs come early") {
  const std::string wrong = replaced(kRing, "i < r->count", "i <= r->count");
  const auto all = rank_c(wrong);
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const EditCandidate& c) { return applied(wrong, c) == kRing; });
  REQUIRE(found != all.end());
  CHECK(found - all.begin() < 64);
}
