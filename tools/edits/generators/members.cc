// Members of `self` that the file reads, but its constructor does not set.

#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kMembersMax = 8;

// X of every `self.X` of the file that is no method, with how often it stands.
Names members_of_self(const FileFacts& file) {
  Names out;
  const auto found = file.by_head.find("self");
  if (found == file.by_head.end()) return out;
  for (const std::string_view text : found->second.items) {
    std::string_view name = text.substr(text.find('.') + 1);
    name = name.substr(0, name.find_first_of(".(["));
    if (!file.signatures.contains(name)) out.add(name);
  }
  return out;
}

}  // namespace

void generate_members(const Context& context) {
  const UnitFacts& facts = context.facts;
  if (!facts.has_self || !context.unit.name.ends_with("__init__")) return;
  Names lost, elsewhere;
  for (const std::string_view name : members_of_self(context.file).items) {
    if (facts.self_stored.has(name)) continue;
    (context.file.members.has(name) ? elsewhere : lost).add(name);
  }
  for (const Gap& gap : facts.gaps) {
    if (gap.column != facts.body_column) continue;
    const auto offer = [&](std::string_view name, std::string_view value) {
      context.out.insert(gap, "self." + std::string(name) + " = " + std::string(value),
                         Kind::insert_member);
    };
    size_t offered = 0;
    for (const std::string_view name : lost.items) {
      if (++offered > kMembersMax) break;
      for (const std::string_view value :
           {"None", "False", "True", "0", "[]", "{}", "set()", "''", "\"\""}) {
        offer(name, value);
      }
    }
    for (const std::string_view name : elsewhere.items) {
      if (++offered > kMembersMax) break;
      for (const std::string_view value : {"None", "False", "0", "[]", "{}"}) offer(name, value);
    }
  }
}

}  // namespace corvid::tools::edits
