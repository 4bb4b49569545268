#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

void change_to_opposite(const Context& context, int i, std::span<const Opposite> opposites) {
  const std::string_view name = context.source.str(i);
  for (const auto& [a, b] : opposites) {
    if (name == a) context.out.replace(i, i + 1, b, Kind::opposite);
    if (name == b) context.out.replace(i, i + 1, a, Kind::opposite);
  }
}

namespace {

constexpr size_t kVariablesMax = 24;
constexpr size_t kAttributesMax = 45;
constexpr size_t kFunctionsMax = 30;
constexpr size_t kConstantsMax = 12;

// Offered beside what the file calls.
constexpr std::array<std::string_view, 26> kFunctions = {
    "len", "str",  "int",   "list", "max",  "min",   "sorted", "isinstance", "repr",
    "set", "dict", "tuple", "func", "open", "range", "type",   "any",        "all",
    "float", "bool", "callable", "hasattr", "getattr", "next", "iter", "sum"};
constexpr std::array<std::string_view, 22> kMethods = {
    "append",  "get",    "join",       "items",    "keys",  "values", "pop", "update",
    "strip",   "split",  "lower",      "upper",    "close", "extend", "add", "remove",
    "replace", "format", "startswith", "endswith", "copy",  "insert"};

// Opposites, offered for each other although the file may call only one of them.
constexpr std::array<Opposite, 24> kOpposites = {{
    {"sorted", "reversed"},
    {"floor", "ceil"},
    {"append", "extend"},
    {"startswith", "endswith"},
    {"lower", "upper"},
    {"lstrip", "rstrip"},
    {"ljust", "rjust"},
    {"find", "rfind"},
    {"index", "rindex"},
    {"split", "rsplit"},
    {"partition", "rpartition"},
    {"keys", "values"},
    {"issubset", "issuperset"},
    {"union", "intersection"},
    {"encode", "decode"},
    {"popleft", "pop"},
    {"appendleft", "append"},
    {"remove", "discard"},
    {"min", "max"},
    {"any", "all"},
    {"issubclass", "isinstance"},
    {"append", "insert"},
    {"add", "update"},
    {"items", "values"},
}};

bool is_keyword_name(const Source& source, int i) {
  return source.is(i + 1, "=") && source.opener(i) >= 0 && source.is(source.opener(i), "(");
}

void change_name(const Context& context, int i) {
  const Source& source = context.source;
  const UnitFacts& facts = context.facts;
  const std::string_view name = source.str(i);
  const bool declares = source.opener(i) >= 0 && source.is(source.opener(i) - 2, "def");
  const std::string_view before = source.str(i - 1);
  if (before == "def" || before == "class" || before == "import" || before == "from") return;
  if (is_keyword_name(source, i) || (declares && before != "=")) return;
  const bool is_local = facts.locals.has(name);
  if (is_call(source, i + 1)) {
    change_to_opposite(context, i, kOpposites);
    for (const std::string_view other :
         choices(context.file.functions, name, facts, kFunctionsMax)) {
      context.out.replace(i, i + 1, other, Kind::function);
    }
    for (const std::string_view other : kFunctions) {
      context.out.replace(i, i + 1, other, Kind::function);
    }
    if (facts.has_self && is_local) return;
  }
  if (is_local || facts.undefined.has(name)) {
    for (const std::string_view other : choices(facts.locals, name, facts, kVariablesMax)) {
      context.out.replace(i, i + 1, other, Kind::variable);
    }
  } else if (!is_call(source, i + 1) && name != "self" && name != "cls") {
    for (const std::string_view other : choices(facts.locals, name, facts, 6)) {
      context.out.replace(i, i + 1, other, Kind::variable);
    }
  }
  // A constant or class for another one of the module.
  const auto is_high = [](std::string_view n) {
    const size_t at = n.find_first_not_of('_');
    return at != std::string_view::npos && n[at] >= 'A' && n[at] <= 'Z';
  };
  if (!is_local && is_high(name)) {
    size_t offered = 0;
    for (const std::string_view other : choices(context.file.assigned, name, facts, 80)) {
      if (!is_high(other) || ++offered > kConstantsMax) continue;
      context.out.replace(i, i + 1, other, Kind::variable);
    }
  }
  const bool is_attribute = context.file.attributes.has(name) || context.file.methods.has(name);
  if (facts.has_self && name != "self" && is_attribute) {
    context.out.replace(i, i + 1, "self." + std::string(name), Kind::add_self);
  }
}

void change_attribute(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view name = source.str(i);
  const bool called = is_call(source, i + 1);
  const Names& offered = called ? context.file.methods : context.file.attributes;
  const Kind kind = called ? Kind::method : Kind::attribute;
  if (called) change_to_opposite(context, i, kOpposites);
  for (const std::string_view other : choices(offered, name, context.facts, kAttributesMax)) {
    context.out.replace(i, i + 1, other, kind);
  }
  for (const std::string_view other : kMethods) {
    if (called) context.out.replace(i, i + 1, other, kind);
  }
  if (source.is(i - 2, "self") &&
      (context.facts.locals.has(name) || context.file.functions.has(name))) {
    context.out.replace(i - 2, i, "", Kind::drop_self);
  }
}

}  // namespace

void generate_variables(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (!source.is_plain_name(i)) return;
    if (source.is(i - 1, ".")) {
      if (source.primary_begin(i) >= 0) change_attribute(context, i);
    } else {
      change_name(context, i);
    }
  });
}

}  // namespace corvid::tools::edits
