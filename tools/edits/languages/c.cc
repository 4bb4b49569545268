// C and C++: one lexer and one grammar of statements for both, without a preprocessor.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "tools/edits/c_facts.h"
#include "tools/edits/c_lexer.h"
#include "tools/edits/c_roles.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

using Entry = std::pair<std::string_view, int>;
// `&`, `^` and `|` stand on one level, below the comparisons.
constexpr std::array<Entry, 21> kPrecedence = {{
    {"?", 1},  {":", 1},  {"||", 2}, {"&&", 3}, {"|", 4},  {"^", 4},  {"&", 4},
    {"==", 5}, {"!=", 5}, {"<", 5},  {"<=", 5}, {">", 5},  {">=", 5}, {"<=>", 5},
    {"<<", 9}, {">>", 9}, {"+", 10}, {"-", 10}, {"*", 11}, {"/", 11}, {"%", 11},
}};

constexpr std::array<std::string_view, 82> kKeywords = {
    "NULL",       "alignas",       "alignof",     "asm",       "auto",         "bool",
    "break",      "case",          "catch",       "char",      "char16_t",     "char32_t",
    "class",      "co_await",      "co_return",   "co_yield",  "concept",      "const",
    "const_cast", "consteval",     "constexpr",   "constinit", "continue",     "decltype",
    "default",    "delete",        "do",          "double",    "dynamic_cast", "else",
    "enum",       "explicit",      "export",      "extern",    "false",        "float",
    "for",        "friend",        "goto",        "if",        "inline",       "int",
    "long",       "mutable",       "namespace",   "new",       "noexcept",     "nullptr",
    "operator",   "private",       "protected",   "public",    "register",     "reinterpret_cast",
    "requires",   "restrict",      "return",      "short",     "signed",       "sizeof",
    "static",     "static_assert", "static_cast", "struct",    "switch",       "template",
    "this",       "thread_local",  "throw",       "true",      "try",          "typedef",
    "typeid",     "typename",      "union",       "unsigned",  "using",        "virtual",
    "void",       "volatile",      "wchar_t",     "while"};

bool is_keyword(std::string_view word) {
  return std::binary_search(kKeywords.begin(), kKeywords.end(), word);
}

bool is_value(std::string_view word) {
  return is_one_of(word, {"NULL", "nullptr", "true", "false", "this"});
}

bool leaves(std::string_view word) {
  return is_one_of(word, {"return", "throw", "break", "continue", "goto"});
}

bool is_member(std::string_view op) { return op == "." || op == "->" || op == "::"; }

bool is_prefix(std::string_view op) {
  return is_one_of(op, {"-", "~", "+", "!", "*", "&", "++", "--"});
}

int precedence(std::string_view op) {
  for (const Entry& entry : kPrecedence) {
    if (entry.first == op) return entry.second;
  }
  return 0;
}

bool has_file(std::string_view path) {
  const size_t dot = path.rfind('.');
  return dot != std::string_view::npos &&
         is_one_of(path.substr(dot), {".c", ".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp",
                                      ".hxx", ".ipp", ".inl"});
}

bool is_test_name(std::string_view name) {
  if (!has_file(name)) return false;
  const std::string_view stem = name.substr(0, name.rfind('.'));
  return stem.starts_with("test") || stem.starts_with("unittest") || stem.ends_with("_test") ||
         stem.ends_with("-test") || stem.ends_with("_tests") || stem.ends_with("_unittest") ||
         stem.ends_with("Test") || stem.ends_with("Tests");
}

// Whether the bracket behind the name at `name` is a macro's, around a type, as in
// `API(int) f(void)`: nothing stands before it, and words up to another name with a bracket behind.
bool wraps_type(const Source& source, const Statement& s, int name) {
  for (int i = s.first_token; i < name; ++i) {
    if (!is_one_of(source.str(i), {"static", "extern", "inline"})) return false;
  }
  for (int i = source.match(name + 1) + 1; i > 0 && i < s.last_token; ++i) {
    if (source.is(i, "(")) return source.is_plain_name(i - 1);
    if (source.token(i).kind != TokenKind::name && !source.is(i, "*")) return false;
  }
  return false;
}

// The name of a function: what stands before its parameters, with its classes.
std::string function_name(const Source& source, const Statement& s) {
  for (int i = s.first_token + 1; i < s.last_token; ++i) {
    if (source.is(i, "operator")) break;
    if (!source.is(i, "(") || !source.is_plain_name(i - 1)) continue;
    if (source.str(i - 1).starts_with("__") || wraps_type(source, s, i - 1)) continue;
    std::string name(source.str(i - 1));
    for (int k = i - 2; k - 1 >= s.first_token && source.is(k, "::"); k -= 2) {
      name = std::string(source.str(k - 1)) + "." + name;
    }
    return name;
  }
  for (int i = s.first_token; i < s.last_token; ++i) {
    if (source.is(i, "operator")) return "operator";
  }
  return std::string(source.str(s.first_token));
}

// The name of a class or struct, with a dot behind it; empty for other blocks.
std::string scope_name(const Source& source, const Statement& s) {
  for (int i = s.first_token; i + 1 < s.last_token; ++i) {
    const bool is_class = source.is(i, "class") || source.is(i, "struct") || source.is(i, "union");
    if (is_class && source.opener(i) < 0 && source.is_plain_name(i + 1)) {
      return std::string(source.str(i + 1)) + ".";
    }
  }
  return "";
}

std::vector<Unit> find_units(const Source& source) {
  std::vector<Unit> units;
  const std::vector<Statement>& all = source.statements();
  const auto texts = [&](int i) { return source.str(i); };
  std::vector<std::string> scopes;
  int depth = 0;    // of blocks within a function
  int header = -1;  // statement
  size_t next = 0;  // statement
  for (int i = 0; i < source.count(); ++i) {
    const bool starts = next < all.size() && all[next].first_token == i;
    if (starts) {
      header = static_cast<int>(next++);
      const Statement& s = all[static_cast<size_t>(header)];
      const bool is_block = s.last_token + 1 < source.count() &&
                            source.token(s.last_token + 1).kind == TokenKind::indent;
      const Head<decltype(texts)> head{texts, s.first_token, s.last_token};
      if (depth == 0 && !(is_block && head.opens_code()) &&
          !(source.is(i, "#") && source.is(i + 1, "include"))) {
        std::string prefix;
        for (const std::string& scope : scopes) prefix += scope;
        add_stretch(source, s, prefix, units);
      }
    }
    const TokenKind kind = source.token(i).kind;
    if (kind == TokenKind::indent && depth > 0) ++depth;
    if (kind == TokenKind::dedent && depth > 0 && --depth == 0) {
      units.back().last_line = source.token(i).line;
      units.back().last_token = i + 1;
      header = -1;
    } else if (kind == TokenKind::dedent && depth == 0 && !scopes.empty()) {
      scopes.pop_back();
    }
    if (kind != TokenKind::indent || depth > 0) continue;
    const bool has_header = header >= 0 && all[static_cast<size_t>(header)].last_token == i - 1;
    const Statement s = header >= 0 ? all[static_cast<size_t>(header)] : Statement{};
    const Head<decltype(texts)> head{texts, has_header ? s.first_token : 0,
                                     has_header ? s.last_token : 0};
    if (!head.opens_code() || header < 0) {
      scopes.push_back(has_header ? scope_name(source, s) : "");
      continue;
    }
    std::string prefix;
    for (const std::string& scope : scopes) prefix += scope;
    depth = 1;
    units.push_back(
        {prefix + function_name(source, s), true, s.first_line, s.last_line, s.first_token, i + 1});
  }
  if (depth > 0) {
    units.back().last_line = std::max(0, source.line_count() - 1);
    units.back().last_token = source.count();
  }
  return units;
}

constexpr std::array<std::string_view, 6> kArguments = {"0", "1", "-1", "NULL", "true", "false"};
constexpr std::array<std::string_view, 1> kTrailers = {"[0]"};

constexpr std::array kGenerators = {
    &generate_c_operators, &generate_c_conditions, &generate_c_constants, &generate_c_names,
    &generate_c_pointers,  &generate_arguments,    &generate_c_values,    &generate_texts,
    &generate_expressions, &generate_c_statements, &generate_c_insertions};

}  // namespace

const Language& c_language() {
  static constexpr Language kC = {.name = "c",
                                  .has_file = has_file,
                                  .is_test_name = is_test_name,
                                  .comment = "//",
                                  .lex = lex_c,
                                  .is_keyword = is_keyword,
                                  .is_value = is_value,
                                  .leaves = leaves,
                                  .is_member = is_member,
                                  .is_prefix = is_prefix,
                                  .names_arguments = false,
                                  .arguments = kArguments,
                                  .trailers = kTrailers,
                                  .negation = "",
                                  .precedence = precedence,
                                  .find_units = find_units,
                                  .find_roles = find_c_roles,
                                  .read_file = read_c_file,
                                  .read_unit = read_c_unit,
                                  .generators = kGenerators};
  return kC;
}

}  // namespace corvid::tools::edits
