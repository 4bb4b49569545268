#include "memory/recall/rank.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "memory/ingest/annotate.h"
#include "memory/recall/signals.h"

namespace corvid::memory {
namespace {

constexpr double kShortWords = 20;        // a turn of no more is short
constexpr double kQuestionPenalty = 0.5;  // in the support: asking about a thing is not telling it

// What kind of talk a store holds decides how much each signal is worth.
enum class Talk { people, assistant, agent };

constexpr double kAgentSays = 0.8;  // what an agent says it found and did, beside what users say

constexpr Window kNear = {0, 0, 0.5, 1, 0.5, 0, 0};
constexpr Window kWide = {0.4, 0.7, 1, 1, 1, 0.7, 0.4};
constexpr Window kNearAnswer = {0, 0, 0.5, 1, 0.3, 0, 0};  // what was said before weighs more

// Names of people in turn order, words only.
constexpr Weights kPeople = {.near = 1.0, .wide = 0.5, .session = 0.3, .speaker = 0.8, .date = 0.8,
                             .time = 0.3, .name = 0.3, .question = -0.1};
constexpr Weights kPeopleVectors = {
    .near = 0.3, .wide = 0.7, .session = 0.2, .speaker = 0.8, .date = 0.8, .time = 0.5,
    .name = 0.3, .question = -0.3, .own_vector = 0.6, .near_vector = 0.3, .wide_vector = 0.2};
constexpr Weights kPeopleSentences = {
    .wide = 1.0, .session = 0.1, .speaker = 0.8, .date = 0.8, .time = 0.6, .name = 0.3,
    .question = -0.3, .own_vector = 0.8, .near_vector = 0.4, .wide_vector = 0.2};
constexpr Weights kAssistant = {.own = 0.2, .near = 0.2, .session = 0.05, .user = 0.1,
                                .speaker = 0.8, .date = 0.3, .first = 0.05};
constexpr Weights kAssistantVectors = {.own = 0.2, .near = 0.2, .session = 0.05, .user = 0.1,
                                       .speaker = 0.8, .date = 0.3, .first = 0.05,
                                       .own_vector = 0.5, .session_vector = 0.1};

double largest(const std::vector<double>& values) {
  return values.empty() ? 0.0 : std::max(0.0, *std::ranges::max_element(values));
}

// Scales a list of cosines to 0..1 over the turns in view.
class Scaled {
 public:
  explicit Scaled(const std::vector<float>& values) : values_(values) {
    if (values.empty()) return;
    const auto [low, high] = std::ranges::minmax_element(values);
    low_ = *low;
    if (*high > *low) by_ = 1.0 / (*high - *low);
  }
  double operator[](size_t i) const { return values_.empty() ? 0.0 : (values_[i] - low_) * by_; }

 private:
  const std::vector<float>& values_;
  double low_ = 0;
  double by_ = 0;
};

class Ranker {
 public:
  Ranker(const Store& store, const Corpus& corpus, const RankRequest& request)
      : corpus_(corpus),
        request_(request),
        talk_(talk_of(corpus)),
        weights_(weights_of(talk_, request.similarity)),
        signals_(corpus, talk_ == Talk::assistant ? kNearAnswer : kNear, kWide),
        own_(request.similarity.own),
        near_(request.similarity.near),
        wide_(request.similarity.wide) {
    for (const std::string& term : request.question.terms) {
      term_weights_.push_back(signals_.add_term(store.match(term)));
    }
    own_max_ = largest(signals_.own());
    near_max_ = largest(signals_.near());
    wide_max_ = largest(signals_.wide());
    session_max_ = largest(signals_.session());
    user_max_ = largest(signals_.user());
    if (weights_.session_vector > 0) find_session_vectors();
  }

  Ranking run() const;

 private:
  static Talk talk_of(const Corpus& corpus) {
    if (!corpus.has_both_roles()) return Talk::people;
    return corpus.has_tools() ? Talk::agent : Talk::assistant;
  }
  static Weights weights_of(Talk talk, const Similarity& similarity) {
    const bool has_vectors = !similarity.own.empty();
    if (talk == Talk::assistant) return has_vectors ? kAssistantVectors : kAssistant;
    Weights weights = !has_vectors                ? kPeople
                      : similarity.is_of_sentences ? kPeopleSentences
                                                   : kPeopleVectors;
    if (talk == Talk::agent) {
      weights.name = 0;  // capitals in code are types and constants
      weights.length = -0.03;  // a file that was read is as long as twenty decisions
    }
    return weights;
  }

  void find_session_vectors();
  std::string_view role_of(const Corpus::Row& row) const {
    return corpus_.speakers()[static_cast<size_t>(row.speaker)].role;
  }
  double speaker_match(const Corpus::Row& row) const;
  double answer_match(uint32_t features) const;
  double support() const;
  std::optional<Ranked> rank(size_t row, bool takes_all) const;
  static double part(const std::vector<double>& scores, size_t i, double max) {
    return max > 0 ? scores[i] / max : 0.0;
  }

  const Corpus& corpus_;
  const RankRequest& request_;
  Talk talk_;
  Weights weights_;
  Signals signals_;
  Scaled own_, near_, wide_;
  double own_max_ = 0, near_max_ = 0, wide_max_ = 0, session_max_ = 0, user_max_ = 0;
  std::vector<double> session_vector_;  // by session
  std::vector<double> term_weights_;
};

void Ranker::find_session_vectors() {
  session_vector_.assign(corpus_.sessions().size(), 0.0);
  for (size_t i = 0; i < corpus_.rows().size(); ++i) {
    const Corpus::Row& row = corpus_.rows()[i];
    if (role_of(row) != "user") continue;
    double& best = session_vector_[static_cast<size_t>(row.session)];
    best = std::max(best, own_[i]);
  }
}

double Ranker::speaker_match(const Corpus::Row& row) const {
  const Question& question = request_.question;
  if (question.asked_names.size() == 1) {
    return std::ranges::find(question.asked, row.speaker) != question.asked.end() ? 1.0 : 0.0;
  }
  if (talk_ == Talk::people) return 0.5;
  // Facts about the user are said by the user; what tools print is said by nobody.
  const std::string_view role = role_of(row);
  if (talk_ == Talk::assistant) {
    return !question.wants_assistant && role == "user" ? 1.0 : 0.0;
  }
  return role == "user" ? 1.0 : role == "assistant" ? kAgentSays : 0.0;
}

double Ranker::answer_match(uint32_t features) const {
  if (request_.question.wants_time) return (features & kHasTimeWord) != 0 ? weights_.time : 0.0;
  if (!request_.question.wants_name) return 0.0;
  const double names = (features & kManyCapitals) != 0 ? 2.0 : (features & kOneCapital) != 0;
  return weights_.name * names;
}

// Is what was asked covered, and did the person asked about say it rather than somebody else?
// Likeness of sentences does not tell whose words they are.
double Ranker::support() const {
  if (signals_.asked() <= 0 || near_max_ <= 0) return 0.0;
  const double coverage = std::min(1.0, largest(signals_.covered()) / signals_.asked());
  if (request_.question.asked_names.size() != 1) return coverage;
  double mine = 0;
  double others = 0;
  for (size_t i = 0; i < corpus_.rows().size(); ++i) {
    const Corpus::Row& row = corpus_.rows()[i];
    if (signals_.wide()[i] <= 0) continue;
    double score = part(signals_.near(), i, near_max_) + 0.5 * part(signals_.wide(), i, wide_max_) +
                   0.3 * part(signals_.session(), static_cast<size_t>(row.session), session_max_) +
                   (request_.similarity.is_of_sentences ? 0.0 : 0.4) * own_[i];
    if ((row.features & kAsks) != 0) score -= kQuestionPenalty;
    double& best = speaker_match(row) > 0 ? mine : others;
    best = std::max(best, score);
  }
  return std::clamp(coverage * (0.5 + (mine - others)), 0.0, 1.0);
}

// nullopt: nothing speaks for the turn.
std::optional<Ranked> Ranker::rank(size_t i, bool takes_all) const {
  const Corpus::Row& row = corpus_.rows()[i];
  const auto session = static_cast<size_t>(row.session);
  if (corpus_.sessions()[session].key == request_.excluded_session) return std::nullopt;
  Ranked ranked{.row = static_cast<int32_t>(i)};
  ranked.date = weights_.date * date_match(request_.question, row.said_at);
  ranked.lexical = weights_.own * part(signals_.own(), i, own_max_) +
                   weights_.near * part(signals_.near(), i, near_max_) +
                   weights_.wide * part(signals_.wide(), i, wide_max_);
  ranked.session = weights_.session * part(signals_.session(), session, session_max_) +
                   weights_.user * part(signals_.user(), session, user_max_);
  const bool has_evidence = ranked.lexical > 0 || ranked.session > 0 || ranked.date > 0;
  if (!has_evidence && !takes_all) return std::nullopt;
  ranked.vector = weights_.own_vector * own_[i] + weights_.near_vector * near_[i] +
                  weights_.wide_vector * wide_[i];
  if (!session_vector_.empty()) {
    ranked.vector += weights_.session_vector * session_vector_[session];
  }
  ranked.speaker = weights_.speaker * speaker_match(row);
  ranked.answer = answer_match(row.features);
  if (corpus_.sessions()[session].first == ranked.row) ranked.session += weights_.first;
  ranked.question = (row.features & kAsks) != 0 ? weights_.question : 0.0;
  if (row.words > kShortWords) ranked.length = weights_.length * std::log2(row.words / kShortWords);
  ranked.score = ranked.lexical + ranked.session + ranked.vector + ranked.speaker + ranked.date +
                 ranked.answer + ranked.question + ranked.length;
  return ranked;
}

Ranking Ranker::run() const {
  // Once something fits, whatever the person asked about said, or what is near in meaning, may be
  // part of the answer.
  const bool has_vectors = !request_.similarity.own.empty();
  const bool takes_all =
      near_max_ > 0 && (request_.question.asked_names.size() == 1 || has_vectors);
  std::vector<Ranked> all;
  for (size_t i = 0; i < corpus_.rows().size(); ++i) {
    if (const auto ranked = rank(i, takes_all)) all.push_back(*ranked);
  }
  const auto better = [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  };
  const size_t keep = std::min(all.size(), static_cast<size_t>(std::max(request_.limit, 0)));
  std::ranges::partial_sort(all, all.begin() + static_cast<std::ptrdiff_t>(keep), better);
  all.resize(keep);
  return {std::move(all), support(), term_weights_};
}

}  // namespace

Ranking rank_turns(const Store& store, const Corpus& corpus, const RankRequest& request) {
  return Ranker(store, corpus, request).run();
}

}  // namespace corvid::memory
