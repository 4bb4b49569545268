#include "memory/recall/recall.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "memory/ingest/vector.h"
#include "memory/recall/links.h"
#include "memory/recall/nearest.h"
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
constexpr size_t kReadAtOnce = 64;           // turns
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
                                    std::pair{"length", ranked.length},
                                    std::pair{"statement", ranked.statement}}) {
    if (value != 0) hit.reasons[name] = value;
  }
  hit.speaker = turn.speaker;
  hit.session = turn.session;
  hit.said_at = turn.said_at;
  hit.tier = turn.tier;
  return hit;
}

// The turns of a ranking in their order, of which some tens are read at once.
class TurnReader {
 public:
  // `known`: turns that were read before.
  TurnReader(const Store& store, const Corpus& corpus, std::span<const Ranked> ranking,
             std::map<TurnId, Turn> known)
      : store_(store), corpus_(corpus), ranking_(ranking), turns_(std::move(known)) {}

  // Null: forgotten a moment ago. `i` rises from call to call.
  const Turn* at(size_t i) {
    if (i >= end_) read_from(i);
    const auto found = turns_.find(id_of(i));
    return found != turns_.end() ? &found->second : nullptr;
  }

 private:
  TurnId id_of(size_t i) const {
    return corpus_.rows()[static_cast<size_t>(ranking_[i].row)].id;
  }

  void read_from(size_t begin) {
    end_ = std::min(begin + kReadAtOnce, ranking_.size());
    std::vector<TurnId> ids;
    for (size_t i = begin; i < end_; ++i) {
      if (!turns_.contains(id_of(i))) ids.push_back(id_of(i));
    }
    turns_.merge(store_.turns(ids));
  }

  const Store& store_;
  const Corpus& corpus_;
  std::span<const Ranked> ranking_;
  size_t end_ = 0;
  std::map<TurnId, Turn> turns_;
};

// Is a file of `saved` rows, or none, too old for so many?
bool is_due(int64_t rows, int64_t saved) {
  return rows - saved >= std::max(kSnapshotTurnsMin, saved / 8);
}

// Takes the best of another question in: each list's first stands as high as the first's.
void add_ranking(Ranking more, Ranking& ranking) {
  if (more.best.empty()) return;
  const double top = ranking.best.empty() ? more.best.front().score : ranking.best.front().score;
  const double by = more.best.front().score > 0 ? top / more.best.front().score : 1.0;
  std::map<int32_t, size_t> known;
  for (size_t i = 0; i < ranking.best.size(); ++i) known[ranking.best[i].row] = i;
  for (Ranked& ranked : more.best) {
    ranked.score *= by;
    const auto place = known.find(ranked.row);
    if (place == known.end()) {
      ranking.best.push_back(ranked);
    } else if (ranking.best[place->second].score < ranked.score) {
      ranking.best[place->second] = ranked;
    }
  }
  std::ranges::stable_sort(ranking.best, std::greater<>(), &Ranked::score);
  ranking.support = std::max(ranking.support, more.support);
}

// Of whose tier it is, unless a person's or said by the name already; what says otherwise.
std::string remark_of(const Turn& turn, const Link& link) {
  std::string remark;
  const std::string_view tier = tier_name(turn.tier);
  if (turn.tier != Tier::user && turn.speaker != tier) remark = tier;
  const auto add = [&](const char* what, TurnId by) {
    remark += (remark.empty() ? "" : ", ") + std::string(what) + turn_name(by);
  };
  if (link.superseded_by != 0) {
    add("superseded by ", link.superseded_by);
  } else if (link.disputed_by != 0) {
    add("disputed by ", link.disputed_by);
  }
  return remark;
}

// What may stand in the context, best first; what is said again, word for word, once.
class Items {
 public:
  Items(const Question& question, int64_t budget_tokens)
      : question_(question),
        budget_tokens_(budget_tokens),
        line_bytes_(line_bytes_of(budget_tokens)) {}

  bool has_room() const {
    return items_.size() < kPackCandidatesMax && bytes_ / kBytesPerTokenMax < budget_tokens_;
  }

  void add(const Turn& turn, std::string remark) {
    const auto [known, is_new] = known_.try_emplace({turn.speaker, turn.sha256}, items_.size());
    if (!is_new) {
      ++times_[known->second];
      return;
    }
    times_.push_back(1);
    bytes_ += static_cast<int64_t>(std::min(turn.text.size(), kItemBytesCounted));
    items_.push_back({turn.id, turn.said_at, turn.speaker,
                      excerpt(trim(turn.text), question_.terms, line_bytes_), std::move(remark)});
  }

  std::vector<PackItem> take() {
    for (size_t i = 0; i < items_.size(); ++i) {
      if (times_[i] == 1) continue;
      std::string& remark = items_[i].remark;
      remark += (remark.empty() ? "said " : ", said ") + std::to_string(times_[i]) + " times";
    }
    return std::move(items_);
  }

 private:
  const Question& question_;
  int64_t budget_tokens_;
  size_t line_bytes_;
  int64_t bytes_ = 0;
  std::vector<PackItem> items_;
  std::vector<int> times_;  // each was said
  std::map<std::pair<std::string, std::string>, size_t> known_;  // speaker, hash -> item
};

}  // namespace

Recaller::Recaller(Store& store, const Ports& ports, OpenStore open_again)
    : store_(store), ports_(ports), open_again_(std::move(open_again)) {}

Recaller::~Recaller() { stop_.request_stop(); }

void Recaller::start_over(View& view, const SnapshotOf& what) {
  view.kept = Kept{.corpus = Corpus(what.scopes)};
  view.saved = 0;
  if (auto loaded = load_snapshot(store_, what)) {
    view.kept = std::move(*loaded);
    view.saved = std::ssize(view.kept.corpus.rows());
  }
}

Recaller::View& Recaller::view_for(const SnapshotOf& what) {
  const auto place = views_.find(what.scopes);
  const bool is_known = place != views_.end();
  if (!is_known && views_.size() >= kViewsMax) views_.clear();
  View& view = is_known ? place->second
                        : views_.emplace(what.scopes, View{.kept = {.corpus = Corpus({})}})
                              .first->second;
  const auto refresh = [&] {
    view.kept.corpus.refresh(store_);
    if (ports_.embed) view.kept.vectors.refresh(store_, view.kept.corpus, ports_.embedder);
  };
  if (!is_known) start_over(view, what);
  refresh();
  // After an erasure, or when another process was faster to make a file.
  const bool is_old = view.saved > 0 && !view.kept.postings.is_of(view.kept.corpus);
  const bool is_behind = is_due(std::ssize(view.kept.corpus.rows()), view.saved) &&
                         snapshot_rows(store_, what) > view.saved;
  if (is_old || is_behind) {
    start_over(view, what);
    refresh();
  }
  return view;
}

void Recaller::keep_file_new(View& view, const SnapshotOf& what) {
  const int64_t rows = std::ssize(view.kept.corpus.rows());
  const bool is_busy =
      saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  if (is_busy || !is_due(rows, std::max(view.saved, view.tried))) return;
  if (store_.cache_folder().empty()) return;
  view.tried = rows;
  saving_ = std::async(std::launch::async,
                       [open = open_again_, what, stop = stop_.get_token()] {
    return save_snapshot(*open(), what, [&] { return !stop.stop_requested(); });
  });
}

void Recaller::save(const ScopeFilter& filter) {
  const SnapshotOf what = named(store_.find_scopes(filter));
  const std::unique_lock lock(mutex_);
  View& view = view_for(what);
  if (is_due(std::ssize(view.kept.corpus.rows()), view.saved) &&
      save_snapshot(store_, what, [] { return true; })) {
    start_over(view, what);
  }
}

Ranking Recaller::rank(View& view, const Question& question, const Bounds& bounds,
                       std::map<TurnId, Turn>& turns) {
  const Corpus& corpus = view.kept.corpus;
  std::vector<float> asked;
  std::vector<int8_t> vector;
  if (ports_.embed) {
    asked = ports_.embed(ports_.embeds_sentences ? question.in_first_person
                                                 : question.without_names);
    vector = to_bytes(asked);
    view.kept.vectors.compare(corpus, vector, view.similarity);
    view.similarity.is_of_sentences = ports_.embeds_sentences;
  }
  std::vector<std::vector<RowCount>> hits;
  for (const std::string& term : question.terms) {
    hits.push_back(view.kept.postings.find(store_, corpus, term));
    if (bounds.until == Time::max()) continue;
    std::erase_if(hits.back(), [&](const RowCount& hit) {
      return corpus.rows()[static_cast<size_t>(hit.row)].said_at >= bounds.until;
    });
  }
  const auto refine = [&](std::span<const int32_t> rows) {
    view.kept.vectors.refine(corpus, vector, rows, view.similarity);
  };
  Ranking ranking = rank_turns(corpus, view.signals,
                               {question, hits, view.similarity, bounds.limit, bounds.excluded,
                                bounds.until, refine});
  // A model would take seconds. Where one speaks with an assistant it gains nothing.
  const bool is_wanted = ports_.embed && !ports_.embeds_sentences && !corpus.has_both_roles();
  if (is_wanted && !view.similarity.own.empty()) {
    weigh_statements(store_, corpus, ports_.embed, asked, view.similarity, turns, ranking.best);
  }
  return ranking;
}

Recall Recaller::recall(std::string_view text, const RecallOptions& options,
                        const ScopeFilter& filter, std::span<const std::string> besides) {
  const auto start = std::chrono::steady_clock::now();
  const std::unique_lock lock(mutex_);
  const SnapshotOf what = named(store_.find_scopes(filter));
  View& view = view_for(what);
  keep_file_new(view, what);
  const Corpus& corpus = view.kept.corpus;
  const Time at = options.at ? *options.at : ports_.now ? ports_.now() : system_now();
  const int limit = std::clamp(options.limit, 0, kLimitMax);
  Bounds bounds{.limit = std::max(limit, kPackCandidatesMax)};
  if (options.at) {
    bounds.until = std::chrono::floor<std::chrono::days>(at) + std::chrono::days(1);
  }
  for (const ScopeId scope : corpus.scopes()) {
    if (options.exclude_session.empty()) break;
    if (const auto session = store_.find_session(scope, options.exclude_session)) {
      bounds.excluded = session->key;
    }
  }
  const Question question =
      analyse_question(to_utf8(truncate_utf8(text, kQuestionBytesMax)), corpus, at);
  std::map<TurnId, Turn> known;
  Ranking ranking = rank(view, question, bounds, known);
  put_newest_first(store_, corpus, question, ranking.term_weights, ranking.best);
  for (const std::string& other : besides) {
    const Question more = analyse_question(to_utf8(other), corpus, at);
    add_ranking(rank(view, more, bounds, known), ranking);
  }
  const std::vector<Link> links =
      follow_links(store_, corpus, question.asks_past, bounds.until, ranking.best);
  Recall result;
  result.support = ranking.support;
  Items items(question, options.budget_tokens);
  TurnReader turns(store_, corpus, ranking.best, std::move(known));
  for (size_t i = 0; i < ranking.best.size(); ++i) {
    const Ranked& ranked = ranking.best[i];
    const bool wants_hit = static_cast<int>(result.hits.size()) < limit;
    const bool wants_item = items.has_room();
    if (!wants_hit && !wants_item) break;
    const Turn* const turn = turns.at(i);
    if (turn == nullptr) continue;
    const auto name = [](TurnId id) { return id == 0 ? std::string() : turn_name(id); };
    if (wants_hit) {
      result.hits.push_back(make_hit(ranked, *turn));
      result.hits.back().superseded_by = name(links[i].superseded_by);
      result.hits.back().disputed_by = name(links[i].disputed_by);
    }
    if (wants_item) items.add(*turn, remark_of(*turn, links[i]));
  }
  const std::string note(ranking.support < kSupportLow ? kLowSupportNote : "");
  Packed packed = pack(items.take(), options.budget_tokens, note, ports_.count_tokens);
  result.context = std::move(packed.block);
  result.tokens = packed.tokens;
  result.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
                  .count();
  return result;
}

}  // namespace corvid::memory
