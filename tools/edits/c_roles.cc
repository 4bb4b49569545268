#include "tools/edits/c_roles.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "tools/edits/c_lexer.h"

namespace corvid::tools::edits {

namespace {

bool is_specifier(std::string_view word) {
  return is_one_of(word, {"const", "static", "extern", "inline", "register", "volatile", "typedef",
                          "constexpr", "virtual", "explicit", "friend", "mutable", "thread_local",
                          "consteval", "constinit", "restrict", "__restrict", "__extension__"});
}

bool is_type_word(std::string_view word) {
  return is_one_of(word, {"void", "char", "short", "int", "long", "float", "double", "bool",
                          "signed", "unsigned", "auto", "wchar_t", "char16_t", "char32_t"});
}

bool is_tag_word(std::string_view word) {
  return is_one_of(word, {"struct", "class", "union", "enum", "typename"});
}

class Finder {
 public:
  explicit Finder(const Source& source)
      : source_(source), roles_(static_cast<size_t>(source.count()), Role::value) {}

  std::vector<Role> run() {
    std::vector<bool> in_code(static_cast<size_t>(source_.count()), false);
    std::unordered_set<int> headers;
    for (const Unit& unit : source_.units()) {
      if (!unit.is_function) continue;
      headers.insert(unit.first_token);
      const int header = source_.statement_of(unit.first_token);
      const int body = header < 0 ? unit.first_token
                                  : source_.statements()[static_cast<size_t>(header)].last_token;
      for (int i = body; i < unit.last_token; ++i) in_code[static_cast<size_t>(i)] = true;
    }
    for (const Statement& s : source_.statements()) {
      const bool is_code = in_code[static_cast<size_t>(s.first_token)];
      if (source_.is(s.first_token, "#")) {
        if (source_.is(s.first_token + 1, "define")) set(s.first_token + 2, Role::defined);
        continue;
      }
      declare(s.first_token, s.last_token, is_code, headers.contains(s.first_token));
      for (int i = s.first_token; i < s.last_token; ++i) {
        const bool opens = source_.is(i, "(") && source_.opener(i) < 0 && source_.match(i) > i;
        if (is_code && opens && is_one_of(source_.str(i - 1), {"for", "if", "while", "catch"})) {
          declare(i + 1, source_.match(i), true, false);
        }
      }
    }
    mark_uses();
    return std::move(roles_);
  }

 private:
  void set(int token, Role role) {
    if (!source_.is_plain_name(token) && source_.token(token).kind != TokenKind::op) return;
    roles_[static_cast<size_t>(token)] = role;
    if (role == Role::type && source_.token(token).kind == TokenKind::name) {
      types_.insert(source_.str(token));
    }
  }

  // One past the `>` of the template's `<` at `open`, or -1.
  int angle_end(int open) const {
    int depth = 0;
    for (int i = open; i < std::min(source_.count(), open + 60); ++i) {
      const std::string_view t = source_.str(i);
      const TokenKind kind = source_.token(i).kind;
      if (t == "<") ++depth;
      if (t == ">") --depth;
      if (t == ">>") depth -= 2;
      if (depth <= 0) return depth == 0 ? i + 1 : -1;
      const bool fits =
          kind == TokenKind::name || kind == TokenKind::number ||
          is_one_of(t, {"<", ">", ">>", "::", ",", "*", "&", "&&", "...", "(", ")", "[", "]", "="});
      if (!fits || source_.is(i, "return")) return -1;
    }
    return -1;
  }

  void mark_angles(int open, int end) {
    for (int i = open; i < end; ++i) {
      const std::string_view t = source_.str(i);
      const bool is_mark = t == "<" || t == ">" || t == ">>" || t == "*" || t == "&" || t == "&&";
      if (is_mark) roles_[static_cast<size_t>(i)] = Role::type;
      if (source_.is_plain_name(i)) set(i, Role::type);
    }
  }

  // One past a name with its qualifiers and template arguments.
  int name_end(int first, int last) const {
    int i = first + 1;
    while (i < last) {
      if (source_.is(i, "::") && source_.token(i + 1).kind == TokenKind::name) {
        i += 2;
      } else if (source_.is(i, "<") && angle_end(i) > 0 && angle_end(i) < last) {
        i = angle_end(i);
      } else {
        break;
      }
    }
    return i;
  }

  void mark_type(int first, int end) {
    for (int i = first; i < end; ++i) {
      if (source_.is(i, "<")) return mark_angles(i, end);
      if (source_.is_plain_name(i)) set(i, Role::type);
    }
  }

  int skip_signs(int i, int last) const {
    while (i < last && is_one_of(source_.str(i), {"*", "&", "&&", "const", "volatile", "restrict",
                                                  "__restrict", "..."})) {
      ++i;
    }
    return i;
  }

  // Whether a declared name can stand at `i` and end at `last`.
  bool is_declarator(int i, int last) const {
    i = skip_signs(i, last);
    if (i >= last || !source_.is_plain_name(i)) return false;
    return i + 1 >= last ||
           is_one_of(source_.str(name_end(i, last)), {"=", ",", "[", "(", "{", ":", ";"}) ||
           name_end(i, last) >= last;
  }

  // [first, last): a statement, a parameter, or what stands first in the brackets of `for`.
  void declare(int first, int last, bool is_code, bool is_header) {
    int i = first;
    if (source_.is(i, "template") && source_.is(i + 1, "<") && angle_end(i + 1) > 0) {
      mark_angles(i + 1, angle_end(i + 1));
      i = angle_end(i + 1);
    }
    bool is_typed = false;
    for (; i < last;) {
      const std::string_view t = source_.str(i);
      if (is_specifier(t)) {
        ++i;
      } else if (is_type_word(t)) {
        is_typed = true;
        ++i;
      } else if (is_tag_word(t)) {
        if (source_.is_plain_name(i + 1)) mark_type(i + 1, name_end(i + 1, last));
        is_typed = true;
        i = source_.is_plain_name(i + 1) ? name_end(i + 1, last) : i + 1;
      } else if (source_.is_plain_name(i) && !is_typed) {
        const int end = name_end(i, last);
        if (!is_declarator(end, last) || source_.is(end, "(")) break;
        mark_type(i, end);
        is_typed = true;
        i = end;
      } else {
        break;
      }
    }
    if (is_typed) {
      declarators(i, last, is_code);
    } else if (is_header) {
      while (i < last && !source_.is(i, "(")) ++i;
      name_function(i, last);
    }
  }

  // The function whose parameters begin at `open`.
  void name_function(int open, int last) {
    if (open >= last) return;
    set(open - 1, Role::defined);
    const int close = source_.match(open);
    int first = open + 1;
    for (int i = open + 1; i <= close; ++i) {
      const bool ends = i == close || (source_.is(i, ",") && source_.opener(i) == open);
      if (!ends) continue;
      if (i > first) declare(first, i, true, false);
      first = i + 1;
    }
  }

  void declarators(int i, int last, bool is_code) {
    const int level = i < last ? source_.opener(i) : -1;
    while (i < last) {
      i = skip_signs(i, last);
      if (source_.is(i, "(") && source_.is(i + 1, "*")) {
        set(i + 2, Role::declared);
      } else if (i < last && source_.is_plain_name(i)) {
        const int end = name_end(i, last);
        const int name = source_.is(end - 1, ">") ? i : end - 1;
        for (int k = i; k < name; ++k) {
          if (source_.is_plain_name(k)) set(k, Role::type);
        }
        const bool is_function = source_.is(end, "(") && end < last && !is_code;
        set(name, is_function ? Role::defined : Role::declared);
        if (is_function) return name_function(end, last);
      } else {
        // Macros between a type and a function's name.
        while (!is_code && i < last && !source_.is(i, "(")) ++i;
        if (!is_code && i < last && source_.is_plain_name(i - 1)) name_function(i, last);
        return;
      }
      while (i < last && !(source_.is(i, ",") && source_.opener(i) == level)) {
        if (source_.is(i, ";")) return;
        ++i;
      }
      ++i;
    }
  }

  // Uses of what is known as a type, casts, and templates.
  void mark_uses() {
    for (int i = 0; i < source_.count(); ++i) {
      if (!source_.is_plain_name(i) || roles_[static_cast<size_t>(i)] != Role::value) continue;
      const std::string_view name = source_.str(i), before = source_.str(i - 1);
      if (before == "." || before == "->") continue;
      int signs = i + 1;
      while (source_.is(signs, "*")) ++signs;
      const bool is_cast =
          before == "(" && source_.is(signs, ")") && (signs > i + 1 || name.ends_with("_t"));
      const bool is_known = types_.contains(name) && !source_.is(i + 1, "=");
      if (is_cast || is_known || source_.is(i + 1, "::") || before == "new") set(i, Role::type);
      if (!source_.is(i + 1, "<")) continue;
      const int end = angle_end(i + 1);
      if (end < 0) continue;
      const bool has_form =
          is_one_of(source_.str(end), {"(", "::", "{", ">", ","}) || source_.is_plain_name(end);
      const bool is_tight = source_.token(i).end == source_.token(i + 1).begin;
      if (has_form && is_tight && !source_.is(end - 2, ")")) mark_angles(i + 1, end);
    }
  }

  const Source& source_;
  std::vector<Role> roles_;
  std::unordered_set<std::string_view> types_;
};

}  // namespace

std::vector<Role> find_c_roles(const Source& source) { return Finder(source).run(); }

}  // namespace corvid::tools::edits
