#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

bool is_unreachable(const Context& context, const Gap& gap) {
  if (gap.previous < 0) return false;
  const Source& source = context.source;
  const Statement& before = source.statements()[static_cast<size_t>(gap.previous)];
  return before.column == gap.column && source.language().leaves(source.str(before.first_token));
}

std::vector<std::string_view> lines_between(const Context& context, std::string_view before,
                                            std::string_view next) {
  std::vector<std::string_view> out;
  const auto add = [&](const auto& neighbours, std::string_view text) {
    const auto found = neighbours.find(text);
    if (found == neighbours.end()) return;
    for (const std::string_view line : choices(found->second, "", context.facts, 8)) {
      if (line != next) out.push_back(line);
    }
  };
  add(context.file.followers, before);
  add(context.file.leaders, next);
  return out;
}

namespace {

bool opens_block(const Source& source, int statement) {
  const Statement& s = source.statements()[static_cast<size_t>(statement)];
  return source.is(s.last_token - 1, ":");
}

void insert_ends(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  Candidates& out = context.out;
  if (gap.in_loop && gap.column > facts.body_column) {
    out.insert(gap, "continue", Kind::insert_exit);
    out.insert(gap, "break", Kind::insert_exit);
  }
  if (!context.unit.is_function) return;
  const auto give = [&](const std::string& value) {
    out.insert(gap, "return " + value, Kind::insert_return);
  };
  const size_t limit = gap.column == facts.body_column ? 12 : 5;
  for (const std::string_view name : choices(facts.stored, "", facts, limit))
    give(std::string(name));
  for (const std::string_view name : choices(facts.parameters, "", facts, 3))
    give(std::string(name));
  for (const std::string_view text : choices(context.file.returns, "", facts, limit)) {
    give(std::string(text));
  }
  for (const std::string_view text : {"None", "True", "False"}) give(text.data());
  if (facts.has_self) give("self");
  if (facts.has_self && gap.column == facts.body_column) {
    const std::string title = context.unit.name.substr(context.unit.name.rfind('.') + 1);
    for (const std::string& name : {title, "_" + title}) {
      if (context.file.attributes.has(name)) give("self." + name);
    }
    for (const std::string_view name : choices(facts.self_stored, "", facts, 3)) {
      give("self." + std::string(name));
    }
  }
  out.insert(gap, "return", Kind::insert_return);
  size_t raises = 0;
  for (const std::string_view line : choices(context.file.statements, "", facts, 200)) {
    if (gap.column == facts.body_column || !line.starts_with("raise")) continue;
    out.insert(gap, line, Kind::insert_exit);
    if (++raises >= 4) break;
  }
  if (facts.is_generator) {
    for (const std::string_view name : choices(facts.locals, "", facts, 4)) {
      out.insert(gap, "yield " + std::string(name), Kind::insert_return);
    }
  }
  for (const std::string_view name : choices(facts.stored, "", facts, 3)) {
    if (gap.in_loop) {
      for (const std::string_view value : choices(facts.locals, name, facts, 3)) {
        out.insert(gap, std::string(name) + ".append(" + std::string(value) + ")",
                   Kind::insert_step);
      }
    }
  }
}

void insert_steps(const Context& context, const Gap& gap) {
  if (!gap.in_loop) return;
  for (const std::string_view name : choices(context.facts.stored, "", context.facts, 6)) {
    context.out.insert(gap, std::string(name) + " += 1", Kind::insert_step);
  }
}

void insert_assignments(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  for (const std::string_view name : choices(facts.undefined, "", facts, 3)) {
    const std::string target(name);
    for (const std::string_view value :
         {"None", "[]", "{}", "0", "''", "False", "True", "1", "set()"}) {
      context.out.insert(gap, target + " = " + std::string(value), Kind::insert_assignment);
    }
    if (facts.has_self) {
      context.out.insert(gap, target + " = self." + target, Kind::insert_assignment);
    }
    for (const std::string_view line : context.file.statements.items) {
      const bool assigns =
          line.starts_with(target) && line.substr(target.size()).starts_with(" = ");
      if (assigns) context.out.insert(gap, line, Kind::insert_assignment);
    }
  }
}

// A local that is named like a member, before it is used.
void insert_copies(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  if (!facts.has_self || gap.column != facts.body_column) return;
  size_t offered = 0;
  for (const std::string_view name : facts.stored.items) {
    if (!context.file.attributes.has(name) || ++offered > 3) continue;
    const std::string text(name);
    context.out.insert(gap, text + " = self." + text, Kind::insert_assignment);
  }
}

void insert_members(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  if (!facts.has_self || gap.column != facts.body_column) return;
  for (const std::string_view name : facts.parameters.items) {
    if (facts.self_stored.has(name)) continue;
    const std::string text(name);
    const bool is_used = facts.read.count(name) > 0;
    if (is_used && !context.unit.name.ends_with("__init__")) continue;
    context.out.insert(gap, "self." + text + " = " + text, Kind::insert_self);
    if (context.file.attributes.has("_" + text)) {
      context.out.insert(gap, "self._" + text + " = " + text, Kind::insert_self);
    }
  }
}

// Lines that follow or lead the same neighbours elsewhere in the file, and its commonest lines.
void insert_known(const Context& context, const Gap& gap) {
  const Source& source = context.source;
  const std::string_view next = statement_text(source, gap.next);
  std::string_view before = statement_text(source, gap.previous);
  // An open string may end like a header.
  if (before.ends_with(":") && !opens_block(source, gap.previous)) before = {};
  for (const std::string_view line : lines_between(context, before, next)) {
    context.out.insert(gap, line, Kind::insert_known);
  }
  if (!context.unit.is_function) return;
  size_t offered = 0;
  for (const std::string_view line : choices(context.file.statements, "", context.facts, 8)) {
    if (context.file.statements.count(line) < 3 || line.starts_with("return") || line == next)
      continue;
    if (++offered > 3) break;
    context.out.insert(gap, line, Kind::insert_known);
  }
}

}  // namespace

void generate_insertions(const Context& context) {
  for (const Gap& gap : context.facts.gaps) {
    if (is_unreachable(context, gap)) continue;
    if (gap.ends_block) insert_ends(context, gap);
    insert_members(context, gap);
    insert_steps(context, gap);
    insert_assignments(context, gap);
    insert_copies(context, gap);
    insert_known(context, gap);
  }
}

}  // namespace corvid::tools::edits
