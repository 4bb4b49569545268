#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<std::string_view, 5> kFunctions = {"len", "str", "list", "int", "tuple"};
constexpr std::array<std::string_view, 4> kLoopFunctions = {"enumerate", "reversed", "sorted",
                                                            "range"};
constexpr std::array<std::string_view, 6> kValueFunctions = {"bool", "set",   "repr",
                                                             "dict", "float", "sorted"};
constexpr std::array<std::string_view, 4> kMethods = {"strip", "lower", "copy", "items"};
constexpr size_t kFileFunctionsMax = 3;

void wrap(const Context& context, int first, int last) {
  const std::string text(text_of(context.source, first, last));
  if (text.empty() || text.size() > 60) return;
  for (const std::string_view function : kFunctions) {
    context.out.replace(first, last, std::string(function) + "(" + text + ")", Kind::wrap_call);
  }
  const std::string_view before = context.source.str(first - 1);
  const bool is_value = before == "return" || before == "=" || before == "await" ||
                        context.source.token(first - 1).kind >= TokenKind::newline;
  const bool is_counted = before == "(" && (context.source.is(first - 2, "sorted") ||
                                            context.source.is(first - 2, "list") ||
                                            context.source.is(first - 2, "len"));
  if (is_counted) context.out.replace(first, last, "set(" + text + ")", Kind::wrap_call);
  if (before == "in") {
    for (const std::string_view function : kLoopFunctions) {
      context.out.replace(first, last, std::string(function) + "(" + text + ")", Kind::wrap_call);
    }
  }
  if (is_value) {
    for (const std::string_view function : kValueFunctions) {
      context.out.replace(first, last, std::string(function) + "(" + text + ")", Kind::wrap_call);
    }
  }
  size_t offered = 0;
  for (const std::string_view function : choices(context.file.functions, "", context.facts, 30)) {
    const auto arguments = context.file.arguments.find(function);
    if (arguments == context.file.arguments.end() || offered >= (is_value ? 8 : kFileFunctionsMax))
      continue;
    ++offered;
    context.out.replace(first, last, std::string(function) + "(" + text + ")", Kind::wrap_call);
  }
  for (const std::string_view method : kMethods) {
    context.out.replace(first, last, text + "." + std::string(method) + "()", Kind::append_call);
  }
  for (const std::string_view method :
       choices(context.file.methods, "", context.facts, is_value ? 12 : 3)) {
    context.out.replace(first, last, text + "." + std::string(method) + "()", Kind::append_call);
  }
}

// x.m() becomes str(x).m(), likewise for what stands before any last step.
void wrap_head(const Context& context, int first, int last) {
  const std::vector<int> steps = steps_of(context.source, first);
  if (steps.size() < 2 || steps[0] >= last || context.source.is(first, "self")) return;
  const std::string head(context.source.str(first));
  for (const std::string_view function : {"str", "list", "bytes", "int"}) {
    context.out.replace(first, steps[0], std::string(function) + "(" + head + ")",
                        Kind::wrap_call);
  }
}

// What does nothing by itself calls a method, or is called.
void act(const Context& context, const Statement& s) {
  const Source& source = context.source;
  const bool is_value = source.is_plain_name(s.first_token) &&
                        source.primary_end(s.first_token) == s.last_token &&
                        !source.is(s.last_token - 1, ")");
  const std::string text(text_of(source, s.first_token, s.last_token));
  if (!is_value || text.empty()) return;
  for (const std::string_view method : choices(context.file.methods, "", context.facts, 40)) {
    context.out.replace(s.first_token, s.last_token, text + "." + std::string(method) + "()",
                        Kind::append_call);
  }
  for (const std::string_view function :
       choices(context.file.functions, "", context.facts, 12)) {
    context.out.replace(s.first_token, s.last_token, std::string(function) + "(" + text + ")",
                        Kind::wrap_call);
  }
}

}  // namespace

void each_value(const Context& context, const std::function<void(int, int)>& visit) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    const bool starts = source.is_plain_name(i) && !source.is(i - 1, ".") &&
                        !source.is(i - 1, "def") && !source.is(i - 1, "class") &&
                        !source.is(i - 1, "import");
    if (!starts || (source.is(i + 1, "=") && source.opener(i) >= 0)) return;
    const bool declares = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
    const int last = source.primary_end(i);
    if (declares || last < 0 || last > context.unit.last_token) return;
    // Targets of assignments and loops, and callees that stand alone as statements, stay.
    const std::string_view after = source.str(last);
    const bool is_target = after == "=" && source.opener(i) < 0;
    const int statement = source.statement_of(i);
    if (statement < 0 || is_target || source.is(i - 1, "for") || source.is(i - 1, "as")) return;
    const Statement& s = source.statements()[static_cast<size_t>(statement)];
    const std::string_view head = source.str(s.first_token);
    if (head == "import" || head == "from" || head == "global" || head == "nonlocal" ||
        head == "except" || head == "@" || head == "del") {
      return;
    }
    if (i == s.first_token && last == s.last_token && source.is(last - 1, ")")) return;
    visit(i, last);
  });
}

void generate_wraps(const Context& context) {
  each_value(context, [&](int first, int last) {
    wrap(context, first, last);
    wrap_head(context, first, last);
  });
  each_statement(context, [&](int, const Statement& s) { act(context, s); });
}

}  // namespace corvid::tools::edits
