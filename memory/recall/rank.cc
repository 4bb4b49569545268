#include "memory/recall/rank.h"

#include <algorithm>
#include <cmath>

#include "memory/ingest/annotate.h"

namespace corvid::memory {
namespace {

constexpr double kK1 = 1.2;
constexpr double kB = 0.75;
constexpr double kIdfMin = 1e-6;
constexpr double kAtDistance[] = {1.0, 0.5, 0.2, 0.2};
constexpr double kQuestionPenalty = 0.5;  // in the support: asking about a thing is not telling it

double idf(double documents, double holding) {
  return std::max(kIdfMin, std::log((documents - holding + 0.5) / (holding + 0.5)));
}

double saturate(double count, double length, double mean_length) {
  const double norm = 1 - kB + kB * length / std::max(mean_length, 1e-9);
  return count * (kK1 + 1) / (count + kK1 * norm);
}

// One number per item with the list of those that are not zero.
struct Sparse {
  explicit Sparse(size_t size) : value(size, 0.0) {}
  void add(int32_t index, double amount) {
    double& place = value[static_cast<size_t>(index)];
    if (place == 0.0) touched.push_back(index);
    place += amount;
  }
  void clear() {
    for (const int32_t index : touched) value[static_cast<size_t>(index)] = 0.0;
    touched.clear();
  }
  std::vector<double> value;
  std::vector<int32_t> touched;
};

// Signals of all rows for one question.
class Signals {
 public:
  Signals(const Corpus& corpus)
      : corpus_(corpus),
        turn(corpus.rows().size(), 0.0),
        session(corpus.sessions().size(), 0.0),
        covered(corpus.rows().size(), 0.0),
        window_(corpus.rows().size()),
        in_session_(corpus.sessions().size()) {}

  void add_term(const std::vector<TermCount>& hits);

 private:
  const Corpus& corpus_;

 public:
  std::vector<double> turn;     // BM25 of the window
  std::vector<double> session;  // BM25 of the session, by session
  std::vector<double> covered;  // weight of the terms that the turn or its neighbours hold
  double asked = 0;             // weight of all terms of the question

 private:
  Sparse window_;
  Sparse in_session_;
};

void Signals::add_term(const std::vector<TermCount>& hits) {
  const auto rows = corpus_.rows();
  window_.clear();
  in_session_.clear();
  size_t index = 0;
  for (const TermCount& hit : hits) {
    const auto place = std::lower_bound(
        rows.begin() + static_cast<std::ptrdiff_t>(index), rows.end(), hit.turn,
        [](const Corpus::Row& row, TurnId id) { return row.id < id; });
    if (place == rows.end()) break;
    index = static_cast<size_t>(place - rows.begin());
    if (place->id != hit.turn) continue;  // of another scope, or newer than the corpus
    const auto row = static_cast<int32_t>(index);
    window_.add(row, hit.count);
    in_session_.add(place->session, hit.count);
    int32_t before = row;
    int32_t after = row;
    for (int distance = 1; distance <= 3; ++distance) {
      before = before < 0 ? -1 : rows[static_cast<size_t>(before)].previous;
      after = after < 0 ? -1 : rows[static_cast<size_t>(after)].next;
      if (before >= 0) window_.add(before, kAtDistance[distance] * hit.count);
      if (after >= 0) window_.add(after, kAtDistance[distance] * hit.count);
    }
  }
  const auto turn_count = static_cast<double>(rows.size());
  const double mean = static_cast<double>(corpus_.window_words()) / std::max(turn_count, 1.0);
  const auto holding = static_cast<double>(window_.touched.size());
  const double weight = idf(turn_count, holding);
  // Positive even for a word of every turn, so that a small memory can support an answer too.
  const double evidence = std::log(1 + (turn_count - holding + 0.5) / (holding + 0.5));
  for (const int32_t row : window_.touched) {
    const auto i = static_cast<size_t>(row);
    turn[i] += weight * saturate(window_.value[i], rows[i].window_words, mean);
    if (window_.value[i] >= kAtDistance[1]) covered[i] += 1 + evidence;
  }
  asked += 1 + evidence;
  const auto session_count = static_cast<double>(corpus_.sessions().size());
  const double session_mean = static_cast<double>(corpus_.words()) / std::max(session_count, 1.0);
  const double session_weight =
      idf(session_count, static_cast<double>(in_session_.touched.size()));
  for (const int32_t touched : in_session_.touched) {
    const auto i = static_cast<size_t>(touched);
    session[i] += session_weight * saturate(in_session_.value[i],
                                            static_cast<double>(corpus_.sessions()[i].words),
                                            session_mean);
  }
}

double largest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : std::max(0.0, *std::ranges::max_element(values));
}

double speaker_match(const Question& question, const Corpus& corpus, const Corpus::Row& row) {
  if (question.asked_names.size() == 1) {
    return std::ranges::find(question.asked, row.speaker) != question.asked.end() ? 1.0 : 0.0;
  }
  if (!corpus.has_both_roles()) return 0.5;
  // Facts about the user are said by the user; what tools print is said by nobody.
  const std::string& role = corpus.speakers()[static_cast<size_t>(row.speaker)].role;
  return role == "user" ? 1.0 : role == "assistant" ? 0.3 : 0.0;
}

double answer_match(const Question& question, uint32_t features) {
  if (question.wants_time) return (features & kHasTimeWord) != 0 ? 1.0 : 0.0;
  if (!question.wants_name) return 0.0;
  return (features & kManyCapitals) != 0 ? 2.0 : (features & kOneCapital) != 0 ? 1.0 : 0.0;
}

// Is what was asked covered, and did the person asked about say it rather than somebody else?
double support_of(const Signals& signals, const Corpus& corpus, const Question& question,
                  double turn_max, double session_max) {
  if (signals.asked <= 0 || turn_max <= 0) return 0.0;
  const double coverage = std::min(1.0, largest(signals.covered) / signals.asked);
  if (question.asked_names.size() != 1) return coverage;
  double mine = 0;
  double others = 0;
  for (size_t i = 0; i < corpus.rows().size(); ++i) {
    const Corpus::Row& row = corpus.rows()[i];
    if (signals.turn[i] <= 0) continue;
    double score = signals.turn[i] / turn_max;
    if (session_max > 0) {
      score += 0.3 * signals.session[static_cast<size_t>(row.session)] / session_max;
    }
    if ((row.features & kAsks) != 0) score -= kQuestionPenalty;
    double& best = speaker_match(question, corpus, row) > 0 ? mine : others;
    best = std::max(best, score);
  }
  return std::clamp(coverage * (0.5 + (mine - others)), 0.0, 1.0);
}

}  // namespace

Ranking rank_turns(const Store& store, const Corpus& corpus, const Question& question, int limit,
                   int64_t excluded_session) {
  Signals signals(corpus);
  for (const std::string& term : question.terms) signals.add_term(store.match(term));
  const double turn_max = largest(signals.turn);
  const double session_max = largest(signals.session);
  const Weights weights;
  // Once something fits, whatever the person asked about said may be part of the answer.
  const bool takes_all = turn_max > 0 && question.asked_names.size() == 1;
  std::vector<Ranked> all;
  for (size_t i = 0; i < corpus.rows().size(); ++i) {
    const Corpus::Row& row = corpus.rows()[i];
    Ranked ranked{.row = static_cast<int32_t>(i)};
    const auto session = static_cast<size_t>(row.session);
    if (corpus.sessions()[session].key == excluded_session) continue;
    const double in_session = signals.session[session];
    ranked.date = weights.date * date_match(question, row.said_at);
    const bool has_evidence = signals.turn[i] > 0 || in_session > 0 || ranked.date > 0;
    if (!has_evidence && !takes_all) continue;
    if (turn_max > 0) ranked.lexical = weights.lexical * signals.turn[i] / turn_max;
    if (session_max > 0) ranked.session = weights.session * in_session / session_max;
    ranked.speaker = weights.speaker * speaker_match(question, corpus, row);
    ranked.answer = weights.answer * answer_match(question, row.features);
    ranked.question = (row.features & kAsks) != 0 ? weights.question : 0.0;
    ranked.score = ranked.lexical + ranked.session + ranked.speaker + ranked.date +
                   ranked.answer + ranked.question;
    all.push_back(ranked);
  }
  const auto better = [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  };
  const size_t keep = std::min(all.size(), static_cast<size_t>(std::max(limit, 0)));
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(keep), better);
  all.resize(keep);
  return {std::move(all), support_of(signals, corpus, question, turn_max, session_max)};
}

}  // namespace corvid::memory
