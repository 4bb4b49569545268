#include <algorithm>
#include <array>

#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kStringBytesMax = 32;
constexpr size_t kExpressionBytesMax = 60;
constexpr size_t kPrimaryBytesMax = 40;

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

void add_name(const Source& source, int i, FileFacts& out) {
  const std::string_view name = source.str(i);
  out.words.add(name);
  const bool makes_pair = source.is(i - 1, ".") && source.is_plain_name(i - 2) &&
                          !source.is(i - 3, ".") && !source.is(i + 1, "(") &&
                          !source.is(i + 1, ".");
  if (makes_pair) {
    const std::string_view pair = text_of(source, i - 2, i + 1);
    if (!pair.empty()) out.pairs.add(pair);
  }
  if (source.is(i - 1, ".") && source.is(i + 1, "=")) out.members.add(name);
  const bool called = is_call(source, i + 1);
  if (source.is(i - 1, ".")) {
    (called ? out.methods : out.attributes).add(name);
  } else if (called) {
    out.functions.add(name);
  } else if (source.is(i - 1, "def") || source.is(i - 1, "class")) {
    out.functions.add(name);
    out.members.add(name);
    out.assigned.add(name);
    const int open = i + 1;
    if (source.is(i - 1, "def") && source.is(open, "(") && source.match(open) >= 0) {
      Signature signature;
      add_parameters(source, open, source.match(open), signature);
      out.signatures[name] = signature;
    }
  }
  const std::string_view before = source.str(i - 1);
  if (before == "raise" || before == "except") out.exceptions.add(name);
}

// A name with its trailers, and each beginning of it.
void add_primary(const Source& source, int first, FileFacts& out) {
  if (source.is(first - 1, ".") || source.is(first - 1, "def") || source.is(first - 1, "class")) {
    return;
  }
  const std::vector<int> steps = steps_of(source, first);
  std::string_view tail = source.str(first);
  for (size_t n = 0; n + 1 < steps.size(); ++n) {
    const std::string_view text = text_of(source, first, steps[n + 1]);
    if (text.empty() || text.size() > kPrimaryBytesMax) return;
    out.trailers[text.substr(0, text_of(source, first, steps[n]).size())].add(
        text_of(source, steps[n], steps[n + 1]));
    if (!source.is(steps[n], ".")) continue;
    tail = source.str(steps[n] + 1);
    out.by_tail[tail].add(text);
    out.by_head[source.str(first)].add(text);
  }
}

void add_call(const Source& source, int i, FileFacts& out) {
  const auto arguments = arguments_of(source, i + 1);
  for (const auto& [first, last] : arguments) {
    const std::string_view text = text_of(source, first, last);
    if (text.empty() || text.size() > kExpressionBytesMax) continue;
    out.arguments[source.str(i)].add(text);
    if (source.is(first + 1, "=") && source.is_plain_name(first)) out.keywords.add(text);
  }
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
  const auto expression = [&](int first, int last) {
    const std::string_view text = text_of(source, first, last);
    return text.size() <= kExpressionBytesMax ? text : std::string_view{};
  };
  if (head == "return") {
    const std::string_view text = expression(s.first_token + 1, s.last_token);
    if (!text.empty()) out.returns.add(text);
  }
  if ((head == "if" || head == "elif" || head == "while") && source.is(s.last_token - 1, ":")) {
    const std::string_view text = expression(s.first_token + 1, s.last_token - 1);
    if (!text.empty()) out.conditions.add(text);
    for (int i = s.first_token + 1; i < s.last_token; ++i) {
      if (source.opener(i) >= 0 || (!source.is(i, "and") && !source.is(i, "or"))) continue;
      const int first = source.left_operand(i), last = source.right_operand(i, i + 1);
      if (first > s.first_token) out.operands.add(expression(first, i));
      if (last > 0) out.operands.add(expression(i + 1, last));
    }
    out.operands.add(text);
  }
  const std::string_view text = text_of(source, s.first_token, s.last_token);
  if (text.empty() || text.back() == ':' || imports) return;
  out.statements.add(text);
  if (index == 0) return;
  const Statement& before = source.statements()[index - 1];
  const std::string_view lead = text_of(source, before.first_token, before.last_token);
  if (lead.empty()) return;
  out.followers[lead].add(text);
  if (before.column == s.column && lead.back() != ':') out.leaders[text].add(lead);
}

}  // namespace

FileFacts::FileFacts(const Source& source) {
  for (int i = 0; i < source.count(); ++i) {
    if (source.is_plain_name(i)) {
      add_name(source, i, *this);
      add_primary(source, i, *this);
      if (is_call(source, i + 1)) add_call(source, i, *this);
    }
    if (source.token(i).kind == TokenKind::number) numbers.add(source.str(i));
    if (source.token(i).kind == TokenKind::string && source.str(i).size() <= kStringBytesMax &&
        source.str(i).size() > 2 && !source.str(i).starts_with("\"\"\"")) {
      strings.add(source.str(i));
    }
  }
  for (size_t i = 0; i < source.statements().size(); ++i) add_statement(source, i, *this);
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

UnitFacts::UnitFacts(const Source& source, const Unit& unit, const FileFacts& file) {
  first_statement = source.statement_of(unit.first_token);
  last_statement = first_statement;
  const auto& all = source.statements();
  while (last_statement < static_cast<int>(all.size()) &&
         all[static_cast<size_t>(last_statement)].first_token < unit.last_token) {
    ++last_statement;
  }
  for (int k = first_statement; k < last_statement; ++k) {
    const Statement& s = all[static_cast<size_t>(k)];
    const int assign = assignment_of(source, s);
    if (k == first_statement + 1 || !unit.is_function) body_column = s.column;
    for (int i = s.first_token; i < s.last_token; ++i) {
      if (source.is(i, "yield")) is_generator = true;
      if (source.is(i, "def") || source.is(i, "lambda")) add_definition(source, i, *this);
      if (!source.is_plain_name(i)) continue;
      const std::string_view name = source.str(i);
      words.add(name);
      if (source.is(i - 1, ".")) {
        if (!source.is(i - 2, "self")) continue;
        has_self = true;
        (i < assign && source.opener(i) < 0 && !source.is(i + 1, "[") ? self_stored : self_read)
            .add(name);
      } else if (is_stored(source, i, assign)) {
        stored.add(name);
        if (!is_special(name)) locals.add(name);
      } else if (!(source.is(i + 1, "=") && source.opener(i) >= 0) && !source.is(i - 1, "def")) {
        const bool declares = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
        if (!declares) read.add(name);
      }
    }
  }
  for (const std::string_view name : read.items) {
    const bool is_built_in =
        std::find(kBuiltins.begin(), kBuiltins.end(), name) != kBuiltins.end() ||
        (name[0] >= 'A' && name[0] <= 'Z') || name.starts_with("__");
    if (!locals.has(name) && !file.assigned.has(name) && !is_built_in) undefined.add(name);
  }
  add_gaps(source, *this, unit);
}

}  // namespace corvid::tools::edits
