#include "memory/recall/recall.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "memory/ingest/vector.h"
#include "memory/recall/links.h"
#include "memory/recall/newer.h"
#include "memory/recall/pack.h"
#include "memory/recall/question.h"
#include "memory/recall/rank.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kViewsMax = 16;
constexpr int kLimitMax = 10'000;
constexpr int kPackCandidatesMax = 400;
constexpr int64_t kBytesPerTokenMax = 8;     // no need to read more text than can fit
constexpr size_t kItemBytesCounted = 400;    // long ones are cut, or left out for shorter ones
constexpr size_t kQuestionBytesMax = 16 * 1024;
constexpr std::string_view kLowSupportNote =
    "Note: the memory may not hold the answer to this question.";

Hit make_hit(const Ranked& ranked, const Turn& turn) {
  Hit hit;
  hit.id = turn_name(turn.id);
  hit.kind = "turn";
  hit.score = ranked.score;
  hit.turns = {turn.external_id.empty() ? hit.id : turn.external_id};
  hit.text = turn.text;
  for (const auto& [name, value] : {std::pair{"lexical", ranked.lexical},
                                    std::pair{"session", ranked.session},
                                    std::pair{"vector", ranked.vector},
                                    std::pair{"speaker", ranked.speaker},
                                    std::pair{"date", ranked.date},
                                    std::pair{"answer", ranked.answer},
                                    std::pair{"question", ranked.question},
                                    std::pair{"length", ranked.length}}) {
    if (value != 0) hit.reasons[name] = value;
  }
  hit.speaker = turn.speaker;
  hit.session = turn.session;
  hit.said_at = turn.said_at;
  hit.tier = turn.tier;
  return hit;
}

std::string remark_of(const Link& link) {
  if (link.superseded_by != 0) return "superseded by " + turn_name(link.superseded_by);
  return link.disputed_by != 0 ? "disputed by " + turn_name(link.disputed_by) : "";
}

}  // namespace

Recaller::Recaller(const Store& store, const Ports& ports) : store_(store), ports_(ports) {}

Recaller::View& Recaller::view_for(std::vector<ScopeId> scopes) {
  const auto place = views_.find(scopes);
  if (place != views_.end()) return place->second;
  if (views_.size() >= kViewsMax) views_.clear();
  View view{Corpus(scopes), Vectors()};
  return views_.emplace(std::move(scopes), std::move(view)).first->second;
}

Recall Recaller::recall(std::string_view text, const RecallOptions& options,
                        const ScopeFilter& filter) {
  const auto start = std::chrono::steady_clock::now();
  const std::unique_lock lock(mutex_);
  View& view = view_for(store_.find_scopes(filter));
  Corpus& corpus = view.corpus;
  corpus.refresh(store_);
  int64_t excluded = 0;
  for (const ScopeId scope : corpus.scopes()) {
    if (options.exclude_session.empty()) break;
    if (const auto session = store_.find_session(scope, options.exclude_session)) {
      excluded = session->key;
    }
  }
  const Time at = options.at ? *options.at : ports_.now ? ports_.now() : system_now();
  const Question question =
      analyse_question(to_utf8(truncate_utf8(text, kQuestionBytesMax)), corpus, at);
  const int limit = std::clamp(options.limit, 0, kLimitMax);
  Similarity similarity;
  if (ports_.embed) {
    view.vectors.refresh(store_, corpus, ports_.embedder);
    const std::string& asked = ports_.embeds_sentences ? question.in_first_person
                                                       : question.without_names;
    similarity = view.vectors.compare(corpus, to_bytes(ports_.embed(asked)));
    similarity.is_of_sentences = ports_.embeds_sentences;
  }
  Ranking ranking =
      rank_turns(store_, corpus, {question, similarity, std::max(limit, kPackCandidatesMax),
                                  excluded});
  put_newest_first(store_, corpus, question, ranking.term_weights, ranking.best);
  const std::vector<Link> links =
      follow_links(store_, corpus, question.asks_past, ranking.best);
  Recall result;
  result.support = ranking.support;
  std::vector<PackItem> items;
  int64_t item_bytes = 0;
  for (size_t i = 0; i < ranking.best.size(); ++i) {
    const Ranked& ranked = ranking.best[i];
    const bool wants_hit = static_cast<int>(result.hits.size()) < limit;
    const bool wants_item = items.size() < kPackCandidatesMax &&
                            item_bytes / kBytesPerTokenMax < options.budget_tokens;
    if (!wants_hit && !wants_item) break;
    const std::optional<Turn> turn = store_.turn(corpus.rows()[static_cast<size_t>(ranked.row)].id);
    if (!turn) continue;  // forgotten a moment ago
    const auto name = [](TurnId id) { return id == 0 ? std::string() : turn_name(id); };
    if (wants_hit) {
      result.hits.push_back(make_hit(ranked, *turn));
      result.hits.back().superseded_by = name(links[i].superseded_by);
      result.hits.back().disputed_by = name(links[i].disputed_by);
    }
    if (!wants_item) continue;
    item_bytes += static_cast<int64_t>(std::min(turn->text.size(), kItemBytesCounted));
    items.push_back({turn->id, turn->said_at, turn->speaker, turn->text, remark_of(links[i])});
  }
  const std::string note(ranking.support < kSupportLow ? kLowSupportNote : "");
  Packed packed = pack(items, options.budget_tokens, note, ports_.count_tokens);
  result.context = std::move(packed.block);
  result.tokens = packed.tokens;
  result.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                  .count();
  return result;
}

}  // namespace corvid::memory
