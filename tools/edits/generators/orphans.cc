// Repairs with names that the file defines or imports and then uses nowhere: most of them are what
// a lost or mistaken expression used.

#include <algorithm>
#include <string>

#include "runtime/base/text.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kNamesMax = 6;
constexpr size_t kMembersMax = 5;
constexpr size_t kLocalsMax = 3;
constexpr size_t kTextMax = 60;

bool begins_low(std::string_view name) {
  const size_t at = name.find_first_not_of('_');
  return at != std::string_view::npos && name[at] >= 'a' && name[at] <= 'z';
}

struct Orphans {
  std::vector<std::string> values;     // as the unit would write them
  std::vector<std::string> callables;
};

Orphans orphans_of(const Context& context) {
  Orphans out;
  for (const std::string_view name : choices(context.file.orphans, "", context.facts, kNamesMax)) {
    out.values.emplace_back(name);
    out.callables.emplace_back(name);
  }
  if (!context.facts.has_self) return out;
  const auto of_self = [](std::string_view name) { return "self." + std::string(name); };
  for (const std::string_view name :
       choices(context.file.orphan_methods, "", context.facts, kMembersMax)) {
    out.callables.push_back(of_self(name));
  }
  for (const std::string_view name :
       choices(context.file.orphan_members, "", context.facts, kMembersMax)) {
    out.values.push_back(of_self(name));
  }
  return out;
}

void put_for_values(const Context& context, const Orphans& orphans) {
  const Source& source = context.source;
  each_value(context, [&](int first, int last) {
    const std::string text(text_of(source, first, last));
    if (text.empty()) return;
    const bool is_call_or_group = source.is(last - 1, ")");
    for (const std::string& value : orphans.values) {
      context.out.replace(first, first + 1, value, Kind::orphan_name);
      if (last > first + 1 && !is_call_or_group) {
        context.out.replace(first, last, value, Kind::orphan_name);
      }
    }
    if (text.size() > kTextMax) return;
    for (const std::string& callable : orphans.callables) {
      context.out.replace(first, last, callable + "(" + text + ")", Kind::orphan_call);
    }
  });
  // Constants, and callees.
  each_token(context, [&](int i) {
    const bool is_constant = source.token(i).kind == TokenKind::number ||
                             source.token(i).kind == TokenKind::string ||
                             source.language().is_value(source.str(i));
    if (is_constant && !source.is(i - 1, ":")) {
      for (const std::string& value : orphans.values) {
        context.out.replace(i, i + 1, value, Kind::orphan_name);
      }
    }
    if (!is_call(source, i + 1)) return;
    const int first = source.primary_begin(i);
    for (const std::string& callable : orphans.callables) {
      if (first >= 0) context.out.replace(first, i + 1, callable, Kind::orphan_call);
    }
    if (first != i) return;
    for (const std::string_view name : context.file.orphans.items) {
      if (begins_low(name)) {
        context.out.replace(i, i + 1, std::string(name) + "." + std::string(source.str(i)),
                            Kind::orphan_name);
      }
    }
  });
}

// Members of `self` for other ones, and imported exceptions after `except` and `raise`.
void put_for_names(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (!source.is_plain_name(i)) return;
    const bool is_called = is_call(source, i + 1);
    if (source.is(i - 1, ".") && source.is(i - 2, "self")) {
      const Names& offered =
          is_called ? context.file.orphan_methods : context.file.orphan_members;
      for (const std::string_view name : choices(offered, "", context.facts, kMembersMax)) {
        context.out.replace(i, i + 1, name, Kind::orphan_name);
      }
    }
    if (source.is(i - 1, "except") || source.is(i - 1, "raise")) {
      const int last = source.primary_end(i);
      for (const std::string_view name :
           choices(context.file.orphans, "", context.facts, kNamesMax)) {
        context.out.replace(i, i + 1, name, Kind::orphan_name);
        if (last > i + 1 && !source.is(last - 1, ")"))
          context.out.replace(i, last, name, Kind::orphan_name);
      }
    }
  });
}

void add_arguments(const Context& context, const Orphans& orphans) {
  const Source& source = context.source;
  each_token(context, [&](int open) {
    if (!is_call(source, open)) return;
    const auto items = arguments_of(source, open);
    for (const std::string& value : orphans.values) {
      const auto add = [&](const std::string& text) {
        if (items.empty()) {
          context.out.replace(open + 1, open + 1, text, Kind::orphan_argument);
          return;
        }
        const int last = items.back().second;
        const std::string_view tail = text_of(source, last - 1, last);
        context.out.replace(last - 1, last, std::string(tail) + ", " + text,
                            Kind::orphan_argument);
      };
      add(value);
      const size_t dot = value.find('.');
      if (dot == std::string::npos) continue;
      const size_t name = value.find_first_not_of('_', dot + 1);
      if (name != std::string::npos) add(value.substr(name) + "=" + value);
    }
  });
}

// Calls as lines of their own, and results put back into what went in.
void insert_calls(const Context& context, const Orphans& orphans) {
  const UnitFacts& facts = context.facts;
  std::vector<std::string> lines;
  const auto put = [&](const std::string& callable, const std::string& arguments) {
    const std::string call = callable + "(" + arguments + ")";
    lines.push_back(call);
    const std::string first = arguments.substr(0, arguments.find(','));
    if (!first.empty()) lines.push_back(first + " = " + call);
  };
  for (const std::string& callable : orphans.callables) {
    const size_t dot = callable.find('.');
    const std::string_view name =
        std::string_view(callable).substr(dot == std::string::npos ? 0 : dot + 1);
    if (!begins_low(name)) continue;
    const auto found = context.file.signatures.find(name);
    std::vector<std::string_view> parameters;
    if (found != context.file.signatures.end()) {
      parameters = found->second.parameters;
      parameters.resize(static_cast<size_t>(found->second.required));
    }
    const bool are_known = std::all_of(parameters.begin(), parameters.end(),
                                       [&](auto p) { return facts.locals.has(p); });
    if (are_known) put(callable, join({parameters.begin(), parameters.end()}, ", "));
    if (parameters.size() == 1 || found == context.file.signatures.end()) {
      for (const std::string_view local : choices(facts.locals, "", facts, kLocalsMax)) {
        put(callable, std::string(local));
      }
    }
  }
  for (const Gap& gap : facts.gaps) {
    if (is_unreachable(context, gap)) continue;
    for (const std::string& line : lines) context.out.insert(gap, line, Kind::insert_orphan);
  }
}

}  // namespace

void generate_orphans(const Context& context) {
  if (!context.unit.is_function) return;
  const Orphans orphans = orphans_of(context);
  if (!orphans.values.empty() || !orphans.callables.empty()) {
    put_for_values(context, orphans);
    put_for_names(context);
    add_arguments(context, orphans);
    insert_calls(context, orphans);
  }
}

}  // namespace corvid::tools::edits
