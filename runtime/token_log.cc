#include "runtime/token_log.h"

#include <algorithm>

#include "runtime/session.h"

namespace corvid::runtime {

std::vector<EvaluatedTokens> counted_tokens(std::span<const EvaluatedTokens> log,
                                            std::span<const Event> events) {
  int64_t counted = 0;
  std::string model;
  for (const Event& event : standing_events(events)) {
    if (event.attempt >= 0) continue;
    if (const auto* cut = std::get_if<Compacted>(&event.body)) counted = cut->tokens_after;
    if (std::holds_alternative<SessionStarted>(event.body)) {
      const std::string named = session_model({&event, 1});
      if (named != model) counted = 0;  // another model's tokens are no use
      model = named;
    }
    const auto* turn = std::get_if<TurnEnded>(&event.body);
    if (turn == nullptr) continue;
    counted += turn->tokens.prefilled + turn->tokens.generated;
  }
  EvaluatedTokens joined{"main", 0, {}, {}};
  std::vector<int64_t> ends;
  for (const EvaluatedTokens& evaluated : log) {
    if (evaluated.lineage != joined.lineage) continue;
    const int64_t position = std::min(int64_t(evaluated.position), int64_t(joined.tokens.size()));
    joined.tokens.resize(size_t(position));
    while (!ends.empty() && ends.back() > position) ends.pop_back();
    if (position > 0 && (ends.empty() || ends.back() < position)) ends.push_back(position);
    joined.tokens.insert(joined.tokens.end(), evaluated.tokens.begin(), evaluated.tokens.end());
    int64_t end = position;
    for (const int32_t length : evaluated.segments) ends.push_back(end += length);
  }
  while (!ends.empty() && ends.back() > counted) ends.pop_back();
  if (ends.empty()) return {};
  joined.tokens.resize(size_t(ends.back()));
  int64_t begin = 0;
  for (const int64_t end : ends) {
    joined.segments.push_back(int32_t(end - begin));
    begin = end;
  }
  return {joined};
}

}  // namespace corvid::runtime
