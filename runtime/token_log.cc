#include "runtime/token_log.h"

namespace corvid::runtime {

std::vector<EvaluatedTokens> counted_tokens(std::span<const EvaluatedTokens> log,
                                            std::span<const Event> events) {
  int64_t counted = 0;
  for (const Event& event : events) {
    const auto* turn = std::get_if<TurnEnded>(&event.body);
    if (turn == nullptr || event.attempt >= 0) continue;
    counted += turn->tokens.prefilled + turn->tokens.generated;
  }
  std::vector<EvaluatedTokens> kept;
  for (const EvaluatedTokens& evaluated : log) {
    const int64_t end = evaluated.position + int64_t(evaluated.tokens.size());
    if (evaluated.lineage == "main" && end <= counted) kept.push_back(evaluated);
  }
  return kept;
}

}  // namespace corvid::runtime
