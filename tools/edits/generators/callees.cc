// Functions and methods of the file in place of what is called or read, and calls of methods as
// lines of their own.

#include <algorithm>
#include <string>

#include "runtime/base/text.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kCalleesMax = 8;
constexpr size_t kCallsMax = 8;

bool takes(const Signature& signature, size_t count) {
  const auto n = static_cast<int>(count);
  if (n < signature.required) return false;
  return signature.takes_any || n <= static_cast<int>(signature.parameters.size());
}

// What the unit can call by these names: `self.m` for methods, `f` for functions.
struct Callable {
  std::string text;
  std::string_view name;
  const Signature* signature;
};

std::vector<Callable> callables(const Context& context) {
  Names names;
  for (const auto& [name, signature] : context.file.signatures) {
    const bool is_special = name.starts_with("__") || context.unit.name.ends_with(name);
    if (!is_special) names.add(name);
  }
  // In the order of the file, where all these views point to.
  std::sort(names.items.begin(), names.items.end(),
            [](std::string_view a, std::string_view b) { return a.data() < b.data(); });
  std::vector<Callable> out;
  for (const std::string_view name : names.items) {
    const bool is_method = context.file.methods.has(name) || context.file.orphan_methods.has(name);
    const bool is_function = context.file.orphans.has(name) || context.file.functions.has(name);
    if (is_method && !context.facts.has_self) continue;
    if (!is_method && !is_function) continue;
    out.push_back({(is_method ? "self." : "") + std::string(name), name,
                   &context.file.signatures.at(name)});
  }
  return out;
}

// Whether one name is the other with words around it: `map` and `get_map`.
bool is_kin(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return a.size() >= 3 && b.find(a) != std::string_view::npos;
}

// a.b(x) becomes self.m(x) or f(x).
void exchange_callee(const Context& context, int open, const std::vector<Callable>& all) {
  const Source& source = context.source;
  const int first = source.primary_begin(open - 1);
  if (first < context.unit.first_token || first == open - 1) return;
  const size_t count = arguments_of(source, open).size();
  size_t offered = 0;
  for (const bool kin : {true, false}) {
    for (const Callable& c : all) {
      if (is_kin(c.name, source.str(open - 1)) != kin || !takes(*c.signature, count)) continue;
      if (++offered > kCalleesMax) return;
      context.out.replace(first, open, c.text, Kind::other_call);
    }
  }
}

// x.a becomes self.get_a().
void call_for_value(const Context& context, int first, int last,
                    const std::vector<Callable>& all) {
  const Source& source = context.source;
  const std::vector<int> steps = steps_of(source, first);
  if (steps.size() < 2 || steps.back() != last || source.is(last - 1, ")")) return;
  for (const Callable& c : all) {
    const bool is_of_self = c.text != c.name;
    if (is_of_self && takes(*c.signature, 0) && is_kin(c.name, source.str(last - 1))) {
      context.out.replace(first, last, c.text + "()", Kind::other_call);
    }
  }
}

// What private functions that nothing calls make of what stands before the last step.
void call_orphans(const Context& context, int first, int last, const std::vector<Callable>& all) {
  const Source& source = context.source;
  const std::vector<int> steps = steps_of(source, first);
  for (const Callable& c : all) {
    const bool is_orphan =
        context.file.orphans.has(c.name) || context.file.orphan_methods.has(c.name);
    if (!is_orphan) continue;
    if (takes(*c.signature, 0)) context.out.replace(first, last, c.text + "()", Kind::other_call);
    if (!takes(*c.signature, 1)) continue;
    for (size_t n = 0; n + 1 < steps.size() && steps[n] < last; ++n) {
      const std::string_view part = text_of(source, first, steps[n]);
      if (part.empty() || part == "self") continue;
      context.out.replace(first, last, c.text + "(" + std::string(part) + ")", Kind::other_call);
    }
  }
}

// Methods without arguments, and those whose arguments the unit has by their names.
void insert_calls(const Context& context, const std::vector<Callable>& all) {
  std::vector<std::string> lines;
  for (const Callable& c : all) {
    if (c.text == c.name || lines.size() >= kCallsMax) continue;
    std::vector<std::string_view> parameters = c.signature->parameters;
    parameters.resize(static_cast<size_t>(c.signature->required));
    const bool are_known = std::all_of(parameters.begin(), parameters.end(), [&](auto p) {
      return context.facts.locals.has(p);
    });
    const std::string call =
        c.text + "(" + join({parameters.begin(), parameters.end()}, ", ") + ")";
    const bool is_done_here = context.facts.words.has(c.name);
    const bool is_done_elsewhere = context.file.statements.has(call);
    if (are_known && !is_done_here && (is_done_elsewhere || c.name[0] == '_')) {
      lines.push_back(call);
    }
  }
  for (const Gap& gap : context.facts.gaps) {
    if (is_unreachable(context, gap)) continue;
    for (const std::string& line : lines) context.out.insert(gap, line, Kind::insert_call);
  }
}

// Members that the file sets elsewhere, set as there where a unit sets several of them.
void insert_state(const Context& context) {
  constexpr size_t kStatesMax = 10;
  const UnitFacts& facts = context.facts;
  if (!facts.has_self || facts.self_stored.items.size() < 2) return;
  std::vector<std::string_view> lines;
  for (const std::string_view line : context.file.statements.items) {
    if (!line.starts_with("self.") || lines.size() >= kStatesMax) continue;
    const size_t end = line.find(" = ");
    if (end == std::string_view::npos || facts.self_stored.has(line.substr(5, end - 5))) continue;
    const std::string_view value = line.substr(end + 3);
    const bool is_plain = value == "None" || value == "True" || value == "False" ||
                          value == "[]" || value == "{}" || value == "0" || value == "''" ||
                          value == "\"\"" || value == "set()" || value == "b''" ||
                          value == "b\"\"" || facts.parameters.has(value);
    if (is_plain) lines.push_back(line);
  }
  for (const Gap& gap : facts.gaps) {
    if (gap.column != facts.body_column || is_unreachable(context, gap)) continue;
    for (const std::string_view line : lines) context.out.insert(gap, line, Kind::insert_state);
  }
}

}  // namespace

void generate_callees(const Context& context) {
  const Source& source = context.source;
  if (!context.unit.is_function) return;
  const std::vector<Callable> all = callables(context);
  each_token(context, [&](int i) {
    if (is_call(source, i)) exchange_callee(context, i, all);
  });
  each_value(context, [&](int first, int last) {
    call_for_value(context, first, last, all);
    call_orphans(context, first, last, all);
  });
  insert_calls(context, all);
  insert_state(context);
}

}  // namespace corvid::tools::edits
