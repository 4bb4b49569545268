#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kTrailersMax = 4;
constexpr size_t kSharedTailMax = 6;
constexpr size_t kSharedHeadMax = 6;
constexpr size_t kMembersMax = 8;
constexpr size_t kBytesMax = 80;

std::string_view head_of(std::string_view text) {
  return text.substr(0, text.find_first_of(".[(-:"));
}

// Any one trailer, or all from one on, or the name before the first dot, is taken away.
void shorten(const Context& context, int first, const std::vector<int>& steps) {
  const Source& source = context.source;
  for (size_t n = 0; n + 1 < steps.size(); ++n) {
    context.out.replace(steps[n], steps[n + 1], "", Kind::truncate);
    if (n + 2 < steps.size()) context.out.replace(steps[n], steps.back(), "", Kind::truncate);
  }
  if (steps.size() < 2 || !source.is_member(first + 1)) return;
  const std::string_view next = source.str(first + 2);
  const bool is_known = (context.facts.words.has(next) || context.file.assigned.has(next)) &&
                        !source.is(first, "self");
  if (is_known) context.out.replace(first, first + 2, "", Kind::truncate);
}

// What the file has after the same beginning is put in.
void lengthen(const Context& context, int first, const std::vector<int>& steps, bool is_value) {
  const Source& source = context.source;
  for (size_t n = 0; n < steps.size(); ++n) {
    const std::string_view begin = text_of(source, first, steps[n]);
    if (begin.empty()) return;
    const std::string_view now =
        n + 1 < steps.size() ? text_of(source, steps[n], steps[n + 1]) : std::string_view{};
    const auto put = [&](std::string_view trailer) {
      if (trailer != now) {
        context.out.replace(first, steps[n], std::string(begin) + std::string(trailer),
                            Kind::extend);
      }
    };
    const auto found = context.file.trailers.find(begin);
    if (found != context.file.trailers.end()) {
      for (const std::string_view trailer : choices(found->second, "", context.facts, kTrailersMax))
        put(trailer);
    }
    const bool ends = n + 1 == steps.size();
    if (!ends || !is_value) continue;
    for (const std::string_view trailer : source.language().trailers) put(trailer);
  }
}

// Others of the file with the same last name, or the same first one.
void exchange(const Context& context, int first, const std::vector<int>& steps) {
  const Source& source = context.source;
  size_t n = 0;  // of the last step that ends with a name
  for (size_t k = 0; k < steps.size(); ++k) {
    const bool is_name = k == 0 || source.is_member(steps[k - 1]);
    if (!is_name) continue;
    n = k;
    const std::string_view now = text_of(source, first, steps[k]);
    const auto found = context.file.by_tail.find(source.str(steps[k] - 1));
    if (now.empty() || found == context.file.by_tail.end()) continue;
    size_t offered = 0;
    for (const std::string_view other : choices(found->second, now, context.facts, 24)) {
      if (!is_known_head(head_of(other), context.facts)) continue;
      context.out.replace(first, steps[k], other, Kind::expression);
      if (++offered >= kSharedTailMax) break;
    }
  }
  if (n == 0) return;
  const std::string_view now = text_of(source, first, steps[n]);
  const auto found = context.file.by_head.find(source.str(first));
  if (now.empty() || found == context.file.by_head.end()) return;
  for (const std::string_view other : choices(found->second, now, context.facts, kSharedHeadMax)) {
    context.out.replace(first, steps[n], other, Kind::expression);
  }
}

// A local for an expression, and a member for a local.
void cross(const Context& context, int first, const std::vector<int>& steps) {
  const UnitFacts& facts = context.facts;
  if (steps.size() > 1) {
    for (const std::string_view name : choices(facts.locals, "", facts, kMembersMax)) {
      context.out.replace(first, steps.back(), name, Kind::expression);
    }
    const std::string_view last = context.source.str(steps.back() - 1);
    for (const std::string& name : {std::string(last), "_" + std::string(last)}) {
      const bool is_there = facts.has_self && context.file.members.has(name);
      if (is_there) context.out.replace(first, steps.back(), "self." + name, Kind::expression);
    }
    return;
  }
  if (!facts.has_self || !facts.locals.has(context.source.str(first))) return;
  for (const Names* names : {&facts.self_read, &facts.self_stored}) {
    for (const std::string_view name : choices(*names, "", facts, kMembersMax)) {
      context.out.replace(first, steps.back(), "self." + std::string(name), Kind::expression);
    }
  }
}

// Where a whole value stands: an argument, a right side, an operand.
bool is_value(const Source& source, int first, int last) {
  const std::string_view before = source.str(first - 1), after = source.str(last);
  const bool starts = before == "(" || before == "," || before == "=" || before == "return" ||
                      before == "in" || before == "[" || source.precedence(before) > 0;
  const bool ends = after == ")" || after == "," || after == "]" || after == ":" ||
                    after == "for" || source.precedence(after) > 0 ||
                    (last < source.count() && source.token(last).kind >= TokenKind::newline);
  return starts && ends;
}

}  // namespace

void generate_expressions(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (!source.is_plain_name(i)) return;
    const std::string_view before = source.str(i - 1);
    const bool is_name = source.is_member(i - 1) || source.role(i) != Role::value ||
                         before == "import" || before == "from" || before == "as" ||
                         before == "global" || before == "nonlocal";
    const bool is_keyword = source.is(i + 1, "=") && source.opener(i) >= 0;
    const bool declares = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
    if (is_name || is_keyword || declares) return;
    const std::vector<int> steps = steps_of(source, i);
    const int last = steps.back();
    if (last > context.unit.last_token || source.is(last, "=")) return;
    const std::string_view text = text_of(source, i, last);
    if (text.empty() || text.size() > kBytesMax) return;
    shorten(context, i, steps);
    const bool whole = is_value(source, i, last);
    lengthen(context, i, steps, whole);
    exchange(context, i, steps);
    if (whole) cross(context, i, steps);
  });
}

}  // namespace corvid::tools::edits
