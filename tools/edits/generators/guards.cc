// Conditions that first ask for the names they use, and tests of locals that they lack.

#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kUsedMax = 5;
constexpr size_t kOthersMax = 4;

// The names that [first, last) looks into, with their members up to the last one: of
// `a.b.c(x[0])` these are a, a.b and x.
Names looked_into(const Source& source, int first, int last) {
  Names out;
  for (int i = first; i < last; ++i) {
    if (!source.is_plain_name(i) || source.is_member(i - 1)) continue;
    const std::vector<int> steps = steps_of(source, i);
    for (size_t n = 0; n < steps.size() && steps[n] <= last; ++n) {
      const bool is_called = source.is(steps[n], "(");
      if (is_called) break;
      const bool is_self = n == 0 && (source.is(i, "self") || source.is(i, "cls"));
      const bool is_class = n == 0 && source.str(i)[0] >= 'A' && source.str(i)[0] <= 'Z';
      const std::string_view text = short_text(source, i, steps[n]);
      if (!is_self && !is_class && !text.empty()) out.add(text);
      if (!source.is_member(steps[n])) break;
    }
  }
  return out;
}

void guard(const Context& context, const Decision& at) {
  const UnitFacts& facts = context.facts;
  const Names used = looked_into(context.source, at.first, at.last);
  const std::string body = at.is_mixed ? "(" + at.text + ")" : at.text;
  const auto put = [&](const std::string& text) {
    context.out.replace(at.first, at.last, text, Kind::guard_clause);
  };
  size_t offered = 0;
  for (const std::string_view item : used.items) {
    if (++offered > kUsedMax) break;
    const std::string name(item);
    if (name == at.text) continue;
    put(name + " and " + body);
    put(name + " is not None and " + body);
    put("not " + name + " or " + at.text);
    put(name + " is None or " + at.text);
    if (name.find('.') == std::string::npos) {
      for (const std::string_view type : {"str", "dict", "list", "bytes", "int"}) {
        put("isinstance(" + name + ", " + std::string(type) + ") and " + body);
      }
    }
  }
  offered = 0;
  for (const std::string_view name : choices(facts.locals, "", facts, 12)) {
    if (used.has(name)) continue;
    if (++offered > kOthersMax) break;
    for (const std::string_view test : {" is None", " is not None", " > 0", " > 1"}) {
      join_condition(context, at, std::string(name) + std::string(test), Kind::guard_clause);
    }
  }
}

}  // namespace

void generate_guards(const Context& context) {
  each_condition(context, [&](const Decision& at) { guard(context, at); });
}

}  // namespace corvid::tools::edits
