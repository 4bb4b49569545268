#include "memory/recall/nearest.h"

#include <algorithm>
#include <numeric>

#include "memory/ingest/annotate.h"
#include "memory/ingest/sentences.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kFirst = 20;
constexpr size_t kWeighed = 40;
constexpr double kWeight = 0.45;
constexpr size_t kBytesMax = 1200;  // of a turn: no more of it can stand in the context
constexpr int32_t kWordsMin = 3;    // of a statement

}  // namespace

void weigh_statements(const Store& store, const Corpus& corpus, const Embed& embed,
                      std::span<const float> question, const Similarity& similarity,
                      std::map<TurnId, Turn>& turns, std::vector<Ranked>& best) {
  const double low = similarity.own_range.low;
  const double range = similarity.own_range.high - low;
  if (best.size() <= kFirst || range <= 0) return;
  const std::span<Ranked> behind = std::span(best).subspan(kFirst);
  const std::span<Ranked> weighed = behind.first(std::min(kWeighed, behind.size()));
  const auto id_of = [&](const Ranked& ranked) {
    return corpus.rows()[static_cast<size_t>(ranked.row)].id;
  };
  std::vector<TurnId> ids;
  for (const Ranked& ranked : weighed) ids.push_back(id_of(ranked));
  turns.merge(store.turns(ids));
  const auto nearness_of = [&](const Ranked& ranked) {
    double nearest = similarity.own[static_cast<size_t>(ranked.row)];
    const auto turn = turns.find(id_of(ranked));
    if (turn == turns.end()) return nearest;
    const auto statements =
        statements_of(truncate_utf8(indexed_text(turn->second), kBytesMax));
    if (statements.size() < 2) return nearest;
    for (const std::string_view statement : statements) {
      if (count_words(statement) < kWordsMin) continue;
      const std::vector<float> vector = embed(statement);
      if (vector.size() != question.size()) continue;
      nearest = std::max<double>(
          nearest, std::inner_product(vector.begin(), vector.end(), question.begin(), 0.0f));
    }
    return nearest;
  };
  // As what is lacking to the nearest, so that the first stay the first.
  for (Ranked& ranked : behind) ranked.statement = -kWeight;
  for (Ranked& ranked : weighed) {
    ranked.statement += kWeight * std::clamp((nearness_of(ranked) - low) / range, 0.0, 1.0);
  }
  for (Ranked& ranked : behind) ranked.score += ranked.statement;
  std::ranges::stable_sort(behind, std::greater<>(), &Ranked::score);
}

}  // namespace corvid::memory
