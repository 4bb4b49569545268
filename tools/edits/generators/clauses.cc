#include <string>
#include <vector>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

std::vector<std::string_view> known_operands(const Context& context, std::string_view text,
                                             size_t limit) {
  std::vector<std::string_view> out;
  for (const std::string_view other : choices(context.file.operands, text, context.facts, 120)) {
    if (out.size() == limit) break;
    if (other.empty() || other.size() > 48 || !is_known(context, other)) continue;
    out.push_back(other);
  }
  return out;
}

void exchange_condition(const Context& context, int first, int last) {
  constexpr size_t kOfferedMax = 8;
  const std::string_view text = text_of(context.source, first, last);
  size_t offered = 0;
  for (const std::string_view other : choices(context.file.conditions, text, context.facts, 200)) {
    if (!is_known(context, other)) continue;
    context.out.replace(first, last, other, Kind::change_condition);
    if (++offered >= kOfferedMax) break;
  }
}

void join_condition(const Context& context, const Decision& spot, const std::string& other,
                    Kind kind) {
  const bool has_or = other.find(" or ") != std::string::npos;
  const bool has_and = other.find(" and ") != std::string::npos;
  const std::string in_and = has_or ? "(" + other + ")" : other;
  const auto put = [&](const std::string& text) {
    context.out.replace(spot.first, spot.last, text, kind);
  };
  if (spot.is_mixed) {
    put("(" + spot.text + ") and " + in_and);
  } else {
    put(spot.text + " and " + in_and);
    put(in_and + " and " + spot.text);
  }
  if (has_and) return;
  put(spot.text + " or " + other);
}

void each_condition(const Context& context, const std::function<void(const Decision&)>& visit) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    const bool tests = source.is(i, "if") || source.is(i, "elif") || source.is(i, "while") ||
                       source.is(i, "assert");
    const bool gives = source.is(i, "return");
    if (!tests && !gives) return;
    Decision spot;
    spot.first = i + 1;
    spot.last = condition_end(context, i);
    spot.tests = tests;
    if (spot.last <= spot.first) return;
    spot.text = std::string(text_of(source, spot.first, spot.last));
    if (spot.text.empty() || spot.text.size() > 100) return;
    bool compares = false;
    for (int k = spot.first; k < spot.last; ++k) {
      if (source.opener(k) != source.opener(spot.first)) continue;
      spot.is_mixed = spot.is_mixed || source.is(k, "or") || source.is(k, "if");
      compares = compares || source.precedence(source.str(k)) == 5 || source.is(k, "and") ||
                 source.is(k, "or") || source.is(k, "not");
    }
    if (gives && (!compares || source.is(spot.last, ","))) return;
    visit(spot);
  });
}

namespace {

constexpr size_t kNamesMax = 4;
constexpr size_t kSeenMax = 8;

void join(const Context& context, const Decision& spot, const std::string& other) {
  join_condition(context, spot, other, Kind::add_clause);
}

// Clauses over names at hand and those that the file tests elsewhere.
void add_clauses(const Context& context, const Decision& spot) {
  const UnitFacts& facts = context.facts;
  std::vector<std::string> names;
  for (const std::string_view name : choices(facts.locals, "", facts, kNamesMax)) {
    names.emplace_back(name);
  }
  if (facts.has_self) {
    for (const std::string_view name : choices(facts.self_read, "", facts, kNamesMax)) {
      names.push_back("self." + std::string(name));
    }
  }
  for (const std::string& name : names) {
    for (const std::string& other : {name, "not " + name}) {
      if (spot.text != other) join(context, spot, other);
    }
  }
  // What the file looks up in the names that the condition has.
  std::vector<std::string> tested;
  for (int i = spot.first; i < spot.last && tested.size() < 3; ++i) {
    const Source& source = context.source;
    if (!source.is_plain_name(i) || source.is(i - 1, ".") || !facts.locals.has(source.str(i)))
      continue;
    const std::string name(source.str(i));
    const auto found = context.file.trailers.find(source.str(i));
    if (found == context.file.trailers.end()) continue;
    for (const std::string_view trailer : choices(found->second, "", facts, 3)) {
      if (trailer.front() == '.') tested.push_back(name + std::string(trailer));
    }
    for (const std::string_view type : {"str", "dict"}) {
      join(context, spot, "isinstance(" + name + ", " + std::string(type) + ")");
      join(context, spot, "not isinstance(" + name + ", " + std::string(type) + ")");
    }
  }
  for (const std::string& other : tested) {
    if (spot.text.find(other) != std::string::npos) continue;
    join(context, spot, other);
    join(context, spot, "not " + other);
  }
  for (const std::string_view other : known_operands(context, spot.text, kSeenMax)) {
    join(context, spot, std::string(other));
  }
}

}  // namespace

void generate_clauses(const Context& context) {
  each_condition(context, [&](const Decision& spot) {
    add_clauses(context, spot);
    if (spot.tests) exchange_condition(context, spot.first, spot.last);
  });
}

}  // namespace corvid::tools::edits
