#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

void generate_deletions(const Context& context) {
  const Source& source = context.source;
  each_statement(context, [&](int k, const Statement& s) {
    if (k == context.facts.first_statement && context.unit.is_function) return;
    if (source.is(s.last_token - 1, ":") || source.is(s.first_token, "@")) return;
    if (source.is(s.first_token, "import") || source.is(s.first_token, "from")) return;
    const auto& all = source.statements();
    const bool opens = k > 0 && all[static_cast<size_t>(k - 1)].column < s.column;
    const bool closes =
        k + 1 >= static_cast<int>(all.size()) || all[static_cast<size_t>(k + 1)].column < s.column;
    if (opens && closes) return;  // its block would be empty
    context.out.erase(k, Kind::delete_line);
  });
}

}  // namespace corvid::tools::edits
