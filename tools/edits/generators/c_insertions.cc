#include <string>

#include "tools/edits/c_facts.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

void insert_ends(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  Candidates& out = context.out;
  const bool is_inner = gap.column > facts.body_column;
  if (gap.ends_arm || is_inner) out.insert(gap, "break;", Kind::insert_exit);
  if (gap.in_loop && is_inner) out.insert(gap, "continue;", Kind::insert_exit);
  if (!context.unit.is_function) return;
  const auto give = [&](const std::string& value) {
    out.insert(gap, "return " + value + ";", Kind::insert_return);
  };
  const size_t limit = is_inner ? 5 : 12;
  for (const std::string_view name : choices(facts.stored, "", facts, limit))
    give(std::string(name));
  for (const std::string_view name : choices(facts.parameters, "", facts, 3)) {
    give(std::string(name));
  }
  for (const std::string_view text : choices(context.file.returns, "", facts, limit)) {
    give(std::string(text));
  }
  for (const std::string_view text : {"0", "1", "-1", "NULL", "true", "false"}) give(text.data());
  out.insert(gap, "return;", Kind::insert_return);
}

// Jumps to the labels of the function.
void insert_jumps(const Context& context, const Gap& gap) {
  size_t offered = 0;
  each_statement(context, [&](int, const Statement& s) {
    const Source& source = context.source;
    const bool is_target = s.last_token == s.first_token + 2 && source.is(s.first_token + 1, ":") &&
                           source.is_plain_name(s.first_token);
    if (!is_target || s.first_line < gap.line || ++offered > 3) return;
    context.out.insert(gap, "goto " + std::string(source.str(s.first_token)) + ";",
                       Kind::insert_exit);
  });
}

void insert_steps(const Context& context, const Gap& gap) {
  if (!gap.in_loop) return;
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, 8)) {
    context.out.insert(gap, std::string(name) + "++;", Kind::insert_step);
    if (context.facts.stored.has(name)) {
      context.out.insert(gap, std::string(name) + "--;", Kind::insert_step);
    }
  }
}

void insert_assignments(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  if (facts.stored.items.empty() || gap.ends_block) return;
  for (const std::string_view name : choices(facts.locals, "", facts, 5)) {
    context.out.insert(gap, std::string(name) + " = 0;", Kind::insert_assignment);
  }
  // A member that is named like a parameter which nothing reads.
  for (const std::string_view name : facts.parameters.items) {
    if (facts.read.count(name) > 0) continue;
    for (const std::string_view pair : context.file.pairs.items) {
      const std::string text(pair);
      if (text.ends_with("." + std::string(name)) || text.ends_with(">" + std::string(name))) {
        context.out.insert(gap, text + " = " + std::string(name) + ";", Kind::insert_assignment);
      }
    }
    context.out.insert(gap, std::string(name) + "_ = " + std::string(name) + ";",
                       Kind::insert_assignment);
  }
}

// Guards that the file has elsewhere, before what they would guard.
void insert_guards(const Context& context, const Gap& gap) {
  const UnitFacts& facts = context.facts;
  if (gap.ends_block) return;
  const auto results = choices(context.file.returns, "", facts, 3);
  size_t offered = 0;
  for (const std::string_view condition : choices(context.file.conditions, "", facts, 60)) {
    if (!is_known(context, condition)) continue;
    if (++offered > 4) break;
    const std::string head = "if (" + std::string(condition) + ") ";
    for (const std::string_view value : results) {
      context.out.insert(gap, head + "return " + std::string(value) + ";", Kind::insert_guard);
    }
    context.out.insert(gap, head + "return;", Kind::insert_guard);
    if (gap.in_loop) context.out.insert(gap, head + "continue;", Kind::insert_guard);
    if (gap.in_loop) context.out.insert(gap, head + "break;", Kind::insert_guard);
  }
}

// Lines that follow or lead the same neighbours elsewhere in the file, and its commonest lines.
void insert_known(const Context& context, const Gap& gap) {
  const std::string_view next = statement_text(context.source, gap.next);
  const auto put = [&](std::string_view line) {
    context.out.insert(gap, std::string(line) + ";", Kind::insert_known);
  };
  const std::string_view before = statement_text(context.source, gap.previous);
  for (const std::string_view line : lines_between(context, before, next)) put(line);
  if (!context.unit.is_function) return;
  size_t offered = 0;
  for (const std::string_view line : choices(context.file.statements, "", context.facts, 24)) {
    if (!is_known(context, line) || line.starts_with("return")) continue;
    if (++offered > 8) break;
    if (line != next) put(line);
  }
}

}  // namespace

void generate_c_insertions(const Context& context) {
  for (const Gap& gap : context.facts.gaps) {
    if (is_unreachable(context, gap)) continue;
    if (gap.ends_block) {
      insert_ends(context, gap);
      insert_jumps(context, gap);
    }
    insert_steps(context, gap);
    insert_assignments(context, gap);
    insert_guards(context, gap);
    insert_known(context, gap);
  }
}

}  // namespace corvid::tools::edits
