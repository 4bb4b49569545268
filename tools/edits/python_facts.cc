#include <algorithm>
#include <array>

#include "tools/edits/python_facts.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<std::string_view, 56> kBuiltins = {
    "abs",    "all",           "any",          "bool",       "bytes",      "callable",
    "chr",    "classmethod",   "dict",         "dir",        "enumerate",  "filter",
    "float",  "format",        "frozenset",    "getattr",    "hasattr",    "hash",
    "id",     "input",         "int",          "isinstance", "issubclass", "iter",
    "len",    "list",          "map",          "max",        "min",        "next",
    "object", "open",          "ord",          "pow",        "print",      "property",
    "range",  "repr",          "reversed",     "round",      "set",        "setattr",
    "slice",  "sorted",        "staticmethod", "str",        "sum",        "super",
    "tuple",  "type",          "vars",         "zip",        "bytearray",  "self",
    "cls",    "NotImplemented"};

bool is_special(std::string_view name) { return name == "self" || name == "cls" || name == "_"; }

// Whether the plain name at `i` is assigned there; `assign` is the statement's last `=` at its top.
bool is_stored(const Source& source, int i, int assign) {
  const std::string_view before = source.str(i - 1), after = source.str(i + 1);
  if (before == "." || after == "." || after == "(" || after == "[") return false;
  if (before == "as" || after == ":=") return true;
  if (i < assign && source.opener(i) < 0) return true;
  if (i < assign) {  // a tuple in brackets before the `=`
    const int open = source.opener(i);
    return source.opener(open) < 0 && open + 1 >= 0 && !is_call(source, open) &&
           source.match(open) >= 0 && source.match(open) < assign && !source.is(open, "[");
  }
  // Targets of `for`: names between `for` and `in`.
  for (int k = i - 1; k >= 0 && k > i - 12; --k) {
    const std::string_view text = source.str(k);
    if (text == "for") return true;
    if (text != "," && text != "(" && text != "*" && !source.is_plain_name(k)) return false;
  }
  return false;
}

// The last plain or augmented `=` outside of brackets in a statement, or -1.
int assignment_of(const Source& source, const Statement& s) {
  int found = -1;
  for (int i = s.first_token; i < s.last_token; ++i) {
    const std::string_view t = source.str(i);
    if (source.opener(i) >= 0 || source.token(i).kind != TokenKind::op) continue;
    const bool augmented = t.size() >= 2 && t.back() == '=' && t != "==" && t != "!=" &&
                           t != "<=" && t != ">=" && t != ":=";
    if (t == "=" || augmented) found = i;
    if (t == ":" && found < 0 && i == s.first_token + 1) found = i;
  }
  return found;
}

void add_parameters(const Source& source, int open, int close, Signature& out) {
  bool optional_seen = false;
  for (int i = open + 1; i < close; ++i) {
    if (source.opener(i) != open) continue;
    const std::string_view before = source.str(i - 1);
    if (source.is(i, "*") || source.is(i, "**")) {
      if (before == "(" || before == ",") out.takes_any = out.takes_any || !source.is(i + 1, ",");
      if (before == "(" || before == ",") optional_seen = true;
    }
    if (!source.is_plain_name(i) || (before != "(" && before != ",")) continue;
    if (source.str(i) == "self" || source.str(i) == "cls") continue;
    bool has_default = false;
    for (int k = i + 1; k < close && !(source.is(k, ",") && source.opener(k) == open); ++k) {
      has_default = has_default || (source.is(k, "=") && source.opener(k) == open);
    }
    out.parameters.push_back(source.str(i));
    optional_seen = optional_seen || has_default;
    if (!optional_seen) ++out.required;
  }
}

// What the word before a name makes of it.
void add_name(const Source& source, int i, FileFacts& out) {
  const std::string_view name = source.str(i), before = source.str(i - 1);
  if (before == "." && source.is(i + 1, "=")) out.members.add(name);
  if (before == "def" || before == "class") {
    out.members.add(name);
    out.assigned.add(name);
    const int open = i + 1;
    if (before == "def" && source.is(open, "(") && source.match(open) >= 0) {
      Signature signature;
      add_parameters(source, open, source.match(open), signature);
      out.signatures[name] = signature;
    }
  }
  if (before == "raise" || before == "except") out.exceptions.add(name);
}

// The types that isinstance and issubclass are asked for.
void add_types(const Source& source, int i, FileFacts& out) {
  const auto arguments = arguments_of(source, i + 1);
  const bool tests_type = source.is(i, "isinstance") || source.is(i, "issubclass");
  if (!tests_type || arguments.size() != 2) return;
  const auto [first, last] = arguments[1];
  if (last == first + 1) out.types.add(source.str(first));
  if (!source.is(first, "(")) return;
  for (const auto& [a, b] : arguments_of(source, first)) {
    const std::string_view text = text_of(source, a, b);
    if (!text.empty()) out.types.add(text);
  }
}

// Whether it ends like a header, as an open string may, too.
bool looks_open(const Source& source, const Statement& s) {
  return text_of(source, s.first_token, s.last_token).ends_with(':');
}

void add_statement(const Source& source, size_t index, FileFacts& out) {
  const Statement& s = source.statements()[index];
  const std::string_view head = source.str(s.first_token);
  const int assign = assignment_of(source, s);
  const bool imports = head == "import" || head == "from";
  for (int i = s.first_token; i < s.last_token; ++i) {
    if (source.is_plain_name(i) && (imports || is_stored(source, i, assign))) {
      out.assigned.add(source.str(i));
    }
  }
  if (head == "return") {
    const std::string_view text = short_text(source, s.first_token + 1, s.last_token);
    if (!text.empty()) out.returns.add(text);
  }
  if ((head == "if" || head == "elif" || head == "while") && source.is(s.last_token - 1, ":")) {
    const std::string_view text = short_text(source, s.first_token + 1, s.last_token - 1);
    if (!text.empty()) out.conditions.add(text);
    for (int i = s.first_token + 1; i < s.last_token; ++i) {
      if (source.opener(i) >= 0 || (!source.is(i, "and") && !source.is(i, "or"))) continue;
      const int first = source.left_operand(i), last = source.right_operand(i, i + 1);
      if (first > s.first_token) out.operands.add(short_text(source, first, i));
      if (last > 0) out.operands.add(short_text(source, i + 1, last));
    }
    out.operands.add(text);
  }
  if (!imports) out.add_line(source, index, looks_open);
}

// Whether `name` at `i` is bound by an import there.
bool is_imported(const Source& source, int i) {
  const std::string_view before = source.str(i - 1), after = source.str(i + 1);
  return (before == "import" || before == "as" || before == "," || before == "(") &&
         after != "as" && after != ".";
}

// Names that stand once in the file, where they are defined.
void add_orphans(const Source& source, FileFacts& out) {
  constexpr size_t kImportsMax = 12;  // more of them: they are there for others
  Names imported;
  for (int i = 1; i < source.count(); ++i) {
    const std::string_view name = source.str(i), before = source.str(i - 1);
    const int statement = source.statement_of(i);
    if (!source.is_plain_name(i) || out.words.count(name) != 1 || statement < 0) continue;
    const Statement& s = source.statements()[static_cast<size_t>(statement)];
    const std::string_view head = source.str(s.first_token);
    const bool is_private = name[0] == '_' && !name.starts_with("__");
    if (head == "import" || head == "from") {
      if (is_imported(source, i)) imported.add(name);
    } else if (before == "def" || before == "class") {
      if (is_private) (s.column == 0 ? out.orphans : out.orphan_methods).add(name);
    } else if (before == ".") {
      const bool is_assigned = source.is(i + 1, "=") || source.is(i + 1, ":");
      if (is_assigned && source.is(i - 2, "self")) out.orphan_members.add(name);
    } else if (i == s.first_token && s.column == 0 && source.is(i + 1, "=")) {
      const bool is_constant = std::none_of(name.begin(), name.end(), [](char c) {
        return c >= 'a' && c <= 'z';
      });
      if (is_private || is_constant) out.orphans.add(name);
    }
  }
  if (imported.items.size() > kImportsMax) return;
  for (const std::string_view name : imported.items) out.orphans.add(name);
}

}  // namespace

void read_python_file(const Source& source, FileFacts& out) {
  for (int i = 0; i < source.count(); ++i) {
    if (!source.is_plain_name(i)) continue;
    add_name(source, i, out);
    if (is_call(source, i + 1)) add_types(source, i, out);
  }
  for (size_t i = 0; i < source.statements().size(); ++i) add_statement(source, i, out);
  add_orphans(source, out);
}

namespace {

void add_gaps(const Source& source, UnitFacts& facts, const Unit& unit) {
  const auto& all = source.statements();
  std::vector<std::pair<int, bool>> blocks;  // columns of the open blocks, whether a loop's
  const auto enter = [&](int column, int header) {
    const std::string_view head = source.str(all[static_cast<size_t>(header)].first_token);
    const bool is_loop =
        head == "for" || head == "while" || (!blocks.empty() && blocks.back().second);
    blocks.push_back({column, is_loop});
  };
  for (int i = facts.first_statement; i < facts.last_statement; ++i) {
    const Statement& s = all[static_cast<size_t>(i)];
    if (i == facts.first_statement) {
      if (!unit.is_function) blocks.push_back({s.column, false});
      continue;
    }
    const Statement& before = all[static_cast<size_t>(i - 1)];
    if (s.column > before.column) enter(s.column, i - 1);
    int token = before.last_token + 1;
    while (!blocks.empty() && blocks.back().first > s.column) {
      facts.gaps.push_back({before.last_line + 1, blocks.back().first, token, i - 1, -1, true,
                            blocks.back().second});
      blocks.pop_back();
      if (token < source.count() && source.token(token).kind == TokenKind::dedent) ++token;
    }
    const bool in_loop = !blocks.empty() && blocks.back().second;
    const std::string_view head = source.str(s.first_token);
    if (head == "elif" || head == "else" || head == "except" || head == "finally") continue;
    if (blocks.empty()) continue;
    facts.gaps.push_back({s.first_line, s.column, s.first_token, i - 1, i, false, in_loop});
  }
  int token = unit.last_token;
  const Statement& last = all[static_cast<size_t>(facts.last_statement - 1)];
  for (; !blocks.empty() && unit.is_function; blocks.pop_back()) {
    facts.gaps.push_back({last.last_line + 1, blocks.back().first, token, facts.last_statement - 1,
                          -1, true, blocks.back().second});
    if (token < source.count() && source.token(token).kind == TokenKind::dedent) ++token;
  }
}

void add_definition(const Source& source, int i, UnitFacts& facts) {
  int open = -1, close = -1;
  if (source.is(i, "def") && source.is(i + 2, "(")) {
    open = i + 2;
    close = source.match(open);
  }
  if (source.is(i, "lambda")) {
    for (int k = i + 1; k < source.count() && !source.is(k, ":"); ++k) {
      if (source.is_plain_name(k) && (source.is(k - 1, ",") || k == i + 1)) {
        facts.locals.add(source.str(k));
      }
    }
  }
  for (int k = open + 1; k < close; ++k) {
    const bool starts = source.is(k - 1, "(") || source.is(k - 1, ",") || source.is(k - 1, "*") ||
                        source.is(k - 1, "**");
    if (source.opener(k) != open || !source.is_plain_name(k) || !starts) continue;
    if (source.is(k, "self")) facts.has_self = true;
    if (is_special(source.str(k))) continue;
    facts.parameters.add(source.str(k));
    facts.locals.add(source.str(k));
  }
}

}  // namespace

void read_python_unit(const Source& source, const Unit& unit, const FileFacts& file,
                      UnitFacts& out) {
  const auto& all = source.statements();
  for (int k = out.first_statement; k < out.last_statement; ++k) {
    const Statement& s = all[static_cast<size_t>(k)];
    const int assign = assignment_of(source, s);
    if (k == out.first_statement + 1 || !unit.is_function) out.body_column = s.column;
    for (int i = s.first_token; i < s.last_token; ++i) {
      if (source.is(i, "yield")) out.is_generator = true;
      if (source.is(i, "def") || source.is(i, "lambda")) add_definition(source, i, out);
      if (!source.is_plain_name(i)) continue;
      const std::string_view name = source.str(i);
      out.words.add(name);
      if (source.is(i - 1, ".")) {
        if (!source.is(i - 2, "self")) continue;
        out.has_self = true;
        const bool is_target = i < assign && source.opener(i) < 0 && !source.is(i + 1, "[");
        (is_target ? out.self_stored : out.self_read).add(name);
      } else if (is_stored(source, i, assign)) {
        out.stored.add(name);
        if (!is_special(name)) out.locals.add(name);
      } else if (!(source.is(i + 1, "=") && source.opener(i) >= 0) && !source.is(i - 1, "def")) {
        const bool declares = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
        if (!declares) out.read.add(name);
      }
    }
  }
  for (const std::string_view name : out.read.items) {
    const bool is_built_in =
        std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end() ||
        (name[0] >= 'A' && name[0] <= 'Z') || name.starts_with("__");
    if (!out.locals.has(name) && !file.assigned.has(name) && !is_built_in) out.undefined.add(name);
  }
  add_gaps(source, out, unit);
}

}  // namespace corvid::tools::edits
