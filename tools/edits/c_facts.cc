#include "tools/edits/c_facts.h"

#include <algorithm>

namespace corvid::tools::edits {

namespace {

// Whether the value at `i` is changed where it stands.
bool is_stored(const Source& source, int i) {
  const std::string_view before = source.str(i - 1), after = source.str(i + 1);
  if (before == "++" || before == "--" || after == "++" || after == "--") return true;
  const bool compares = after == "==" || after == "<=" || after == ">=" || after == "!=";
  return after.ends_with("=") && !compares;
}

bool is_upper(std::string_view name) {
  return name.size() > 1 &&
         std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

void add_conditions(const Source& source, const Statement& s, FileFacts& out) {
  for (int i = s.first_token; i < s.last_token; ++i) {
    const bool tests = source.is(i, "if") || source.is(i, "while") || source.is(i, "for");
    if (tests) {
      const auto [first, last] = c_condition(source, i);
      const std::string_view text = short_text(source, first, last);
      if (!text.empty()) out.conditions.add(text);
      if (!text.empty()) out.operands.add(text);
    }
    if (!source.is(i, "&&") && !source.is(i, "||")) continue;
    const int first = source.left_operand(i), last = source.right_operand(i, i + 1);
    if (first > s.first_token) out.operands.add(short_text(source, first, i));
    if (last > 0) out.operands.add(short_text(source, i + 1, last));
  }
}

bool is_label(const Source& source, const Statement& s) { return source.is(s.last_token - 1, ":"); }

void add_statement(const Source& source, size_t index, FileFacts& out) {
  const Statement& s = source.statements()[index];
  if (source.is(s.first_token, "#")) return;
  if (source.is(s.first_token, "return")) {
    const std::string_view text = short_text(source, s.first_token + 1, s.last_token);
    if (!text.empty()) out.returns.add(text);
  }
  add_conditions(source, s, out);
  if (!is_label(source, s)) out.add_line(source, index, opens_c_block);
}

// The parameters of a function whose name is at `name`.
void add_signature(const Source& source, int name, FileFacts& out) {
  const int open = name + 1, close = source.match(open);
  if (!source.is(open, "(") || close < 0) return;
  Signature signature;
  bool has_default = false;
  for (const auto& [first, last] : arguments_of(source, open)) {
    if (source.is(first, "...")) signature.takes_any = true;
    for (int i = first; i < last; ++i) {
      if (source.role(i) != Role::declared) continue;
      signature.parameters.push_back(source.str(i));
      has_default = has_default || source.is(i + 1, "=");
      if (!has_default) ++signature.required;
      break;
    }
  }
  const bool is_better =
      !signature.parameters.empty() || !out.signatures.contains(source.str(name));
  if (is_better) out.signatures[source.str(name)] = signature;
}

class GapFinder {
 public:
  GapFinder(const Source& source, const Unit& unit, UnitFacts& out)
      : source_(source), unit_(unit), out_(out), step_(find_step()) {}

  void run() {
    const auto& all = source_.statements();
    int next = out_.first_statement, previous = -1;
    for (int i = unit_.first_token; i < unit_.last_token; ++i) {
      const Token& token = source_.token(i);
      if (next < out_.last_statement && all[static_cast<size_t>(next)].first_token == i) {
        before_statement(next, previous);
        previous = next++;
      }
      if (token.kind == TokenKind::indent) enter(i, previous);
      if (token.kind != TokenKind::dedent || blocks_.empty()) continue;
      if (token.end > token.begin && previous >= 0) before_end(i, previous);
      blocks_.pop_back();
    }
  }

 private:
  struct Block {
    bool in_loop = false;
    bool is_bare = false;
    int header = 0;  // statement, or -1
  };

  const Statement& at(int statement) const {
    return source_.statements()[static_cast<size_t>(statement)];
  }

  std::string_view margin_of(int line) const {
    const std::string_view text = source_.line(line);
    return text.substr(0, std::min(text.find_first_not_of(" \t"), text.size()));
  }

  // By how much the file's first block is set in.
  std::string find_step() const {
    const auto& all = source_.statements();
    for (size_t i = 0; i + 1 < all.size(); ++i) {
      if (!opens_c_block(source_, all[i]) || all[i + 1].first_line == all[i].first_line) continue;
      const std::string_view outer = margin_of(all[i].first_line);
      const std::string_view inner = margin_of(all[i + 1].first_line);
      const bool is_deeper =
          inner.size() > outer.size() && inner.starts_with(outer) && !is_label(source_, all[i + 1]);
      if (is_deeper) return std::string(inner.substr(outer.size()));
    }
    return "    ";
  }

  void enter(int token, int header) {
    const std::string_view head = header < 0 ? "" : source_.str(at(header).first_token);
    const bool is_loop = head == "for" || head == "while" || head == "do" ||
                         (!blocks_.empty() && blocks_.back().in_loop);
    const Token& t = source_.token(token);
    blocks_.push_back({is_loop, t.begin == t.end, header});
  }

  bool is_first_on_line(int token) const {
    const Token& t = source_.token(token);
    return t.begin - source_.line_begin(t.line) == margin_of(t.line).size();
  }

  // The white space of a plain statement in the innermost block, of which `previous` is the last
  // one; of its header, one step deeper, where it has none.
  std::string margin_in_block(int previous) const {
    const int header = blocks_.back().header;
    for (int k = header + 1; k <= previous; ++k) {
      const bool is_plain = !is_label(source_, at(k)) && !source_.is(at(k).first_token, "#");
      if (is_plain) return std::string(margin_of(at(k).first_line));
    }
    const int outer = previous > header && is_label(source_, at(previous)) ? previous : header;
    return (outer < 0 ? "" : std::string(margin_of(at(outer).first_line))) + step_;
  }

  void add(int token, int previous, int next, bool ends_arm) {
    Gap gap;
    gap.line = source_.token(token).line;
    gap.margin = next < 0 ? margin_in_block(previous) : std::string(margin_of(gap.line));
    gap.column = static_cast<int>(gap.margin.size());
    gap.token = token;
    gap.previous = previous;
    gap.next = next;
    gap.ends_block = next < 0;
    gap.ends_arm = ends_arm;
    gap.in_loop = blocks_.back().in_loop;
    out_.gaps.push_back(std::move(gap));
  }

  void before_statement(int index, int previous) {
    const Statement& s = at(index);
    const std::string_view head = source_.str(s.first_token);
    if (head == "else" || head == "catch" || !is_first_on_line(s.first_token)) return;
    if (blocks_.empty() || blocks_.back().is_bare) return;
    const bool is_inner = previous > blocks_.back().header;
    // What stands before a label ends what is above it.
    const bool ends = is_label(source_, s);
    const bool is_arm = head == "case" || head == "default";
    if (!is_inner && is_arm) return;
    const bool leaves =
        is_inner && source_.language().leaves(source_.str(at(previous).first_token));
    if (head == "#" || (ends && leaves)) return;
    add(s.first_token, previous, ends ? -1 : index, is_arm);
  }

  void before_end(int token, int previous) {
    if (blocks_.back().is_bare || !is_first_on_line(token)) return;
    add(token, previous, -1, false);
  }

  const Source& source_;
  const Unit& unit_;
  UnitFacts& out_;
  std::string step_;
  std::vector<Block> blocks_;
};

}  // namespace

std::pair<int, int> c_condition(const Source& source, int head) {
  int open = head + 1;
  if (source.is(open, "constexpr")) ++open;
  const int close = source.is(open, "(") ? source.match(open) : -1;
  if (close < 0) return {0, 0};
  if (!source.is(head, "for")) return {open + 1, close};
  int first = -1;
  for (int i = open + 1; i < close; ++i) {
    if (!source.is(i, ";") || source.opener(i) != open) continue;
    if (first >= 0) return {first, i};
    first = i + 1;
  }
  return {0, 0};
}

bool opens_c_block(const Source& source, const Statement& s) {
  return s.last_token + 1 < source.count() &&
         source.token(s.last_token + 1).kind == TokenKind::indent;
}

void read_c_file(const Source& source, FileFacts& out) {
  for (int i = 0; i < source.count(); ++i) {
    if (!source.is_plain_name(i)) continue;
    const Role role = source.role(i);
    const std::string_view name = source.str(i);
    if (role == Role::type) out.types.add(name);
    if (role >= Role::declared) out.assigned.add(name);
    if (role == Role::defined) add_signature(source, i, out);
    const std::string_view before = source.str(i - 1);
    const bool is_enumerator = source.opener(i) >= 0 && source.is(source.opener(i), "{") &&
                               (before == "{" || before == ",") && is_upper(name);
    if (is_enumerator) out.assigned.add(name);
    if (source.is_member(i - 1) && source.is(i + 1, "=")) out.members.add(name);
  }
  for (size_t i = 0; i < source.statements().size(); ++i) add_statement(source, i, out);
}

void read_c_unit(const Source& source, const Unit& unit, const FileFacts& file, UnitFacts& out) {
  const auto& all = source.statements();
  for (int k = out.first_statement; k < out.last_statement; ++k) {
    const Statement& s = all[static_cast<size_t>(k)];
    const bool is_header = k == out.first_statement && unit.is_function;
    if (k == out.first_statement + 1 || !unit.is_function) out.body_column = s.column;
    for (int i = s.first_token; i < s.last_token; ++i) {
      if (!source.is_plain_name(i)) continue;
      const std::string_view name = source.str(i);
      const Role role = source.role(i);
      out.words.add(name);
      if (role == Role::declared) {
        if (is_header) out.parameters.add(name);
        out.locals.add(name);
        const std::string_view after = source.str(i + 1);
        if (after == "=" || after == "{" || after == "(") out.stored.add(name);
      } else if (role == Role::value && !source.is_member(i - 1) && !is_call(source, i + 1)) {
        if (is_stored(source, i)) out.stored.add(name);
        if (!is_stored(source, i) || !source.is(i + 1, "=")) out.read.add(name);
      }
    }
  }
  for (const std::string_view name : out.read.items) {
    const bool is_known = out.locals.has(name) || file.assigned.has(name) || is_upper(name);
    if (!is_known) out.undefined.add(name);
  }
  GapFinder(source, unit, out).run();
}

}  // namespace corvid::tools::edits
