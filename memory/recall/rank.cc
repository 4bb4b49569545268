#include "memory/recall/rank.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "memory/ingest/annotate.h"
#include "memory/recall/kernels.h"
#include "memory/recall/signals.h"

namespace corvid::memory {
namespace {

constexpr double kShortWords = 20;        // a turn of no more is short
constexpr float kMargin = 1e-4f;          // more than single precision may err
// In the support: asking about a thing is not telling it, and whose words they are decides.
constexpr double kQuestionPenalty = 0.5;
constexpr double kWhoseWords = 1.25;

// What kind of talk a store holds decides how much each signal is worth.
enum class Talk { people, assistant, agent };

// Without a word of the question, how near in meaning a turn has to be (a cosine), and how many are
// taken then.
constexpr float kNearInMeaning = 0.25f;
constexpr size_t kNearestMax = 10;
constexpr size_t kRareMin = 2;      // turns that hold a rare word,
constexpr size_t kRareShare = 500;  // or one of so many

constexpr double kAgentSays = 0.8;  // what an agent says it found and did, beside what users say

constexpr Window kNear = {0, 0, 5, 10, 5, 0, 0};
constexpr Window kWide = {4, 7, 10, 10, 10, 7, 4};
constexpr Window kNearAnswer = {0, 0, 5, 10, 3, 0, 0};  // what was said before weighs more

// Names of people in turn order, words only.
constexpr Weights kPeople = {.near = 1.0, .wide = 0.5, .session = 0.3, .speaker = 0.8, .date = 0.8,
                             .time = 0.3, .name = 0.3, .question = -0.1, .reply = 0.1};
constexpr Weights kPeopleVectors = {
    .near = 0.3, .wide = 0.7, .session = 0.2, .speaker = 0.8, .date = 0.8, .time = 0.5,
    .name = 0.3, .question = -0.3, .reply = 0.1, .length = -0.04, .own_vector = 0.6,
    .near_vector = 0.3, .wide_vector = 0.3};
constexpr Weights kPeopleSentences = {
    .wide = 1.0, .session = 0.1, .speaker = 0.8, .date = 0.8, .time = 0.6, .name = 0.3,
    .question = -0.3, .reply = 0.1, .own_vector = 0.8, .near_vector = 0.4, .wide_vector = 0.3};
constexpr Weights kAssistant = {.own = 0.2, .near = 0.2, .session = 0.05, .user = 0.1,
                                .speaker = 0.8, .date = 0.3, .first = 0.05};
constexpr Weights kAssistantVectors = {.own = 0.2, .near = 0.4, .session = 0.05, .user = 0.05,
                                       .speaker = 0.8, .date = 0.3, .first = 0.05,
                                       .own_vector = 0.5, .session_vector = 0.1};

template <typename T>
double largest(const std::vector<T>& values) {
  return values.empty() ? 0.0 : std::max<double>(0.0, *std::ranges::max_element(values));
}

// Scales a list of cosines to 0..1 over the turns in view.
class Scaled {
 public:
  Scaled(const std::vector<float>& values, const Range& range)
      : values_(values), low_(range.low) {
    if (range.high > range.low) by_ = 1.0 / (range.high - range.low);
  }
  double operator[](size_t i) const { return values_.empty() ? 0.0 : (values_[i] - low_) * by_; }
  double low() const { return low_ * by_; }  // in these units, what is 0
  double range() const { return by_ > 0 ? 1.0 / by_ : 0.0; }

 private:
  const std::vector<float>& values_;
  double low_ = 0;
  double by_ = 0;
};

// A signal's share of the score.
Term term_of(const std::vector<float>& values, double weight, double most) {
  return {values.data(), most > 0 ? static_cast<float>(weight / most) : 0.0f};
}

class Ranker {
 public:
  Ranker(const Corpus& corpus, Signals& signals, const RankRequest& request)
      : corpus_(corpus),
        request_(request),
        talk_(talk_of(corpus)),
        weights_(weights_of(talk_, request.similarity)),
        signals_(signals),
        own_(request.similarity.own, request.similarity.own_range),
        near_(request.similarity.near, request.similarity.near_range),
        wide_(request.similarity.wide, request.similarity.wide_range),
        asks_date_(!request.question.months.empty() || !request.question.years.empty() ||
                   !request.question.ranges.empty()) {
    signals.measure(corpus, {talk_ == Talk::assistant ? kNearAnswer : kNear, kWide}, request.hits);
    own_max_ = signals_.own_max();
    near_max_ = signals_.near_max();
    wide_max_ = signals_.wide_max();
    session_max_ = largest(signals_.session());
    user_max_ = largest(signals_.user());
    if (weights_.session_vector > 0) find_session_vectors();
    if (talk_ != Talk::people && signals_.asked() > 0) find_rare();
    for (size_t i = 0; i < corpus.speakers().size(); ++i) {
      speaker_matches_.push_back(match_of(static_cast<int32_t>(i)));
    }
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
      weights.reply = 0;       // an agent asks for leave
    }
    return weights;
  }

  void find_session_vectors();
  std::string_view role_of(const Corpus::Row& row) const {
    return corpus_.speakers()[static_cast<size_t>(row.speaker)].role;
  }
  double match_of(int32_t speaker) const;
  double speaker_match(const Corpus::Row& row) const {
    return speaker_matches_[static_cast<size_t>(row.speaker)];
  }
  void find_rare();
  // Who says it matters less, the more of the question stands in a turn and nearly nowhere else.
  double said_by(size_t row, double match) const {
    const auto place = std::ranges::lower_bound(rare_, static_cast<int32_t>(row), {}, &Rare::row);
    const bool is_rare = place != rare_.end() && place->row == static_cast<int32_t>(row);
    return is_rare ? std::max(match, place->share) : match;
  }
  double answer_match(uint32_t features) const;
  double question_cost(uint32_t features) const {
    return (features & kAsks) != 0 ? weights_.question : 0.0;
  }
  double reply_part(size_t i) const {
    if (weights_.reply == 0 || own_max_ <= 0) return 0;
    const int32_t before = corpus_.previous(static_cast<int32_t>(i));
    if (before < 0) return 0;
    const auto asked = static_cast<size_t>(before);
    const bool replies = (corpus_.rows()[asked].features & kAsks) != 0 &&
                         (corpus_.rows()[i].features & kAsks) == 0;
    return replies ? weights_.reply * part(signals_.own(), asked, own_max_) : 0;
  }
  double length_cost(int32_t words) const {
    return words > kShortWords ? weights_.length * std::log2(words / kShortWords) : 0.0;
  }
  double date_part(Time said_at) const {
    return asks_date_ ? weights_.date * date_match(request_.question, said_at) : 0.0;
  }
  // Parts of a score that many rows have in common.
  struct Tables {
    std::vector<float> session_evidence, session;  // by session; the second with its vectors
    std::vector<float> kind;                       // by Corpus::Look::kind
    std::array<float, 1024> length{};              // by words
  };
  Tables make_tables() const;
  double support() const;
  std::vector<int32_t> candidates(bool takes_all, size_t keep) const;
  std::optional<Ranked> rank(size_t row, bool takes_all) const;
  bool is_near_in_meaning(size_t row, float error = 0) const {
    return !request_.similarity.own.empty() &&
           request_.similarity.own[row] >= kNearInMeaning - error;
  }
  // Calls give(row, sum) for each row.
  template <typename Give>
  void for_each_sum(std::span<const Term> terms, const Give& give) const {
    constexpr size_t kBlock = 1024;  // whose sums stay near the processor
    std::array<float, kBlock> sums;
    const size_t rows = corpus_.rows().size();
    for (size_t from = 0; from < rows; from += kBlock) {
      const size_t count = std::min(kBlock, rows - from);
      sum_terms(terms, from, std::span(sums).first(count));
      for (size_t i = 0; i < count; ++i) give(from + i, sums[i]);
    }
  }
  template <typename T>
  static double part(const std::vector<T>& scores, size_t i, double max) {
    return max > 0 ? scores[i] / max : 0.0;
  }

  const Corpus& corpus_;
  const RankRequest& request_;
  Talk talk_;
  Weights weights_;
  const Signals& signals_;
  Scaled own_, near_, wide_;
  bool asks_date_;
  double own_max_ = 0, near_max_ = 0, wide_max_ = 0, session_max_ = 0, user_max_ = 0;
  std::vector<double> session_vector_;   // by session
  std::vector<double> speaker_matches_;  // by speaker
  struct Rare {
    int32_t row = 0;
    double share = 0;  // of the question, in rare words
  };
  std::vector<Rare> rare_;  // by row
};

void Ranker::find_rare() {
  const size_t rows = corpus_.rows().size();
  const size_t most = std::max(kRareMin, rows / kRareShare);
  for (size_t term = 0; term < request_.hits.size(); ++term) {
    const auto& hits = request_.hits[term];
    if (hits.empty() || hits.size() > most) continue;
    const double share = (1 + signals_.weights()[term]) / signals_.asked();
    for (const RowCount& hit : hits) rare_.push_back({hit.row, share});
  }
  std::ranges::stable_sort(rare_, {}, &Rare::row);
  size_t kept = 0;
  for (size_t i = 0; i < rare_.size(); ++i) {
    if (kept > 0 && rare_[kept - 1].row == rare_[i].row) rare_[kept - 1].share += rare_[i].share;
    else rare_[kept++] = rare_[i];
  }
  rare_.resize(kept);
}

void Ranker::find_session_vectors() {
  session_vector_.assign(corpus_.sessions().size(), 0.0);
  for (size_t i = 0; i < corpus_.rows().size(); ++i) {
    const Corpus::Row& row = corpus_.rows()[i];
    if (role_of(row) != "user") continue;
    double& best = session_vector_[static_cast<size_t>(row.session)];
    best = std::max(best, own_[i]);
  }
}

double Ranker::match_of(int32_t speaker) const {
  const Question& question = request_.question;
  if (question.asked_names.size() == 1) {
    return std::ranges::find(question.asked, speaker) != question.asked.end() ? 1.0 : 0.0;
  }
  if (talk_ == Talk::people) return 0.5;
  // Facts about the user are said by the user; what tools print is said by nobody.
  const std::string_view role = corpus_.speakers()[static_cast<size_t>(speaker)].role;
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
double Ranker::support() const {
  if (signals_.asked() <= 0 || near_max_ <= 0) return 0.0;
  const double coverage = std::min(1.0, signals_.covered() / signals_.asked());
  if (request_.question.asked_names.size() != 1) return coverage;
  std::vector<Term> terms = {term_of(signals_.near(), 1.0, near_max_),
                             term_of(signals_.wide(), 0.5, wide_max_)};
  if (own_.range() > 0) terms.push_back(term_of(request_.similarity.own, 0.6, own_.range()));
  const double shift = -0.6 * own_.low();
  double mine = 0;
  double others = 0;
  for_each_sum(terms, [&](size_t i, float sum) {
    // Of the session comes 0.5 at the most.
    if (sum + shift + 0.5 < std::min(mine, others) || signals_.wide()[i] <= 0) return;
    const Corpus::Row& row = corpus_.rows()[i];
    if (row.said_at >= request_.until) return;
    double score = sum + shift +
                   0.5 * part(signals_.session(), static_cast<size_t>(row.session), session_max_);
    if ((row.features & kAsks) != 0) score -= kQuestionPenalty;
    const bool is_asked = speaker_match(row) > 0;
    // A tool or the assistant speaks of somebody, not for another person.
    if (!is_asked && (role_of(row) == "tool" || role_of(row) == "assistant")) return;
    double& best = is_asked ? mine : others;
    best = std::max(best, score);
  });
  return std::clamp(coverage * (0.5 + kWhoseWords * (mine - others)), 0.0, 1.0);
}

// nullopt: nothing speaks for the turn.
std::optional<Ranked> Ranker::rank(size_t i, bool takes_all) const {
  const Corpus::Row& row = corpus_.rows()[i];
  const auto session = static_cast<size_t>(row.session);
  if (corpus_.sessions()[session].key == request_.excluded_session) return std::nullopt;
  if (row.said_at >= request_.until) return std::nullopt;
  Ranked ranked{.row = static_cast<int32_t>(i)};
  ranked.date = date_part(row.said_at);
  ranked.lexical = weights_.own * part(signals_.own(), i, own_max_) +
                   weights_.near * part(signals_.near(), i, near_max_) +
                   weights_.wide * part(signals_.wide(), i, wide_max_);
  ranked.session = weights_.session * part(signals_.session(), session, session_max_) +
                   weights_.user * part(signals_.user(), session, user_max_);
  const bool has_evidence = ranked.lexical > 0 || ranked.session > 0 || ranked.date > 0;
  if (!has_evidence && !takes_all) return std::nullopt;
  if (near_max_ <= 0 && !has_evidence && !is_near_in_meaning(i)) return std::nullopt;
  ranked.vector = weights_.own_vector * own_[i] + weights_.near_vector * near_[i] +
                  weights_.wide_vector * wide_[i];
  if (!session_vector_.empty()) {
    ranked.vector += weights_.session_vector * session_vector_[session];
  }
  ranked.speaker = weights_.speaker * said_by(i, speaker_match(row));
  ranked.answer = answer_match(row.features) + reply_part(i);
  if (corpus_.sessions()[session].first == ranked.row) ranked.session += weights_.first;
  ranked.question = question_cost(row.features);
  ranked.length = length_cost(row.words);
  ranked.score = ranked.lexical + ranked.session + ranked.vector + ranked.speaker + ranked.date +
                 ranked.answer + ranked.question + ranked.length;
  return ranked;
}

// The rows of the best `keep` scores given, and those within `margin` of the last of them.
class Best {
 public:
  Best(size_t keep, float margin) : keep_(std::max<size_t>(keep, 1)), margin_(margin) {}

  float least() const { return least_; }  // lower ones are not taken

  void add(int32_t row, float score) {
    if (score < least_) return;
    found_.push_back({score, row});
    if (found_.size() >= 4 * keep_ + 1'000) cut();
  }

  std::vector<int32_t> rows() {
    cut();
    std::vector<int32_t> rows;
    for (const auto& [score, row] : found_) rows.push_back(row);
    return rows;
  }

 private:
  void cut() {
    if (found_.size() <= keep_) return;
    const auto last = found_.begin() + static_cast<std::ptrdiff_t>(keep_) - 1;
    std::ranges::nth_element(found_, last, std::greater());
    least_ = last->first - margin_;
    std::erase_if(found_, [this](const auto& each) { return each.first < least_; });
  }

  size_t keep_;
  float margin_;
  float least_ = -std::numeric_limits<float>::infinity();
  std::vector<std::pair<float, int32_t>> found_;
};

Ranker::Tables Ranker::make_tables() const {
  Tables tables;
  const auto sessions = corpus_.sessions();
  for (size_t i = 0; i < sessions.size(); ++i) {
    const double evidence = weights_.session * part(signals_.session(), i, session_max_) +
                            weights_.user * part(signals_.user(), i, user_max_);
    double score = evidence;
    if (!session_vector_.empty()) score += weights_.session_vector * session_vector_[i];
    if (sessions[i].key == request_.excluded_session) {
      score = -std::numeric_limits<double>::infinity();
    }
    tables.session_evidence.push_back(static_cast<float>(evidence));
    tables.session.push_back(static_cast<float>(score));
  }
  for (const double match : speaker_matches_) {
    for (uint32_t features = 0; features < Corpus::Look::kKinds; ++features) {
      tables.kind.push_back(static_cast<float>(weights_.speaker * match + answer_match(features) +
                                               question_cost(features)));
    }
  }
  for (size_t i = 0; i < tables.length.size(); ++i) {
    tables.length[i] = static_cast<float>(length_cost(static_cast<int32_t>(i)));
  }
  return tables;
}

// Rows that may be among the best: the sum of rank() in single precision, most of it out of tables.
std::vector<int32_t> Ranker::candidates(bool takes_all, size_t keep) const {
  const auto rows = corpus_.rows();
  const auto looks = corpus_.looks();
  const Tables tables = make_tables();
  const Similarity& similarity = request_.similarity;
  std::vector<Term> terms = {term_of(signals_.own(), weights_.own, own_max_),
                             term_of(signals_.near(), weights_.near, near_max_),
                             term_of(signals_.wide(), weights_.wide, wide_max_)};
  const size_t lexical_count = terms.size();
  float margin = kMargin;
  if (!similarity.own.empty()) {
    terms.push_back(term_of(similarity.own, weights_.own_vector, own_.range()));
    terms.push_back(term_of(similarity.near, weights_.near_vector, near_.range()));
    terms.push_back(term_of(similarity.wide, weights_.wide_vector, wide_.range()));
    for (const Term& term : std::span(terms).subspan(lexical_count)) {
      margin += similarity.error * term.factor;
    }
  }
  const auto first = static_cast<float>(weights_.first);
  // What a row can have besides the sum of its terms, its session and its kind.
  const auto most = static_cast<float>(weights_.reply + weights_.first +
                                       (asks_date_ ? weights_.date * kDateMatchMax : 0.0));
  Best best(keep, margin);
  auto rare = rare_.begin();
  for_each_sum(terms, [&](size_t i, float sum) {
    const bool is_rare = rare != rare_.end() && rare->row == static_cast<int32_t>(i);
    const double share = is_rare ? (rare++)->share : 0.0;
    const auto session = static_cast<size_t>(looks[i].session);
    const float known = sum + tables.kind[looks[i].kind] + tables.session[session];
    if (known + most < best.least() && !is_rare) return;
    const Corpus::Row& row = rows[i];
    if (row.said_at >= request_.until) return;
    const auto date = static_cast<float>(date_part(row.said_at));
    if (!takes_all || near_max_ <= 0) {
      float evidence = tables.session_evidence[session] + std::max(date, 0.0f);
      for (const Term& term : std::span(terms).first(lexical_count)) {
        evidence += term.factor * term.value[i];
      }
      if (evidence <= 0 && (!takes_all || !is_near_in_meaning(i, similarity.error))) return;
    }
    const auto words = static_cast<size_t>(std::max(row.words, 0));
    float score = known + date + static_cast<float>(reply_part(i));
    if (is_rare) {
      const double match = speaker_match(row);
      score += static_cast<float>(weights_.speaker * (std::max(match, share) - match));
    }
    score += words < tables.length.size() ? tables.length[words]
                                          : static_cast<float>(length_cost(row.words));
    if (first != 0 && corpus_.sessions()[session].first == static_cast<int32_t>(i)) score += first;
    best.add(static_cast<int32_t>(i), score);
  });
  return best.rows();
}

Ranking Ranker::run() const {
  // Once something fits, whatever the person asked about said, or what is near in meaning, may be
  // part of the answer.
  const bool has_vectors = !request_.similarity.own.empty();
  const bool takes_all =
      has_vectors || (near_max_ > 0 && request_.question.asked_names.size() == 1);
  auto keep = static_cast<size_t>(std::max(request_.limit, 0));
  if (near_max_ <= 0 && has_vectors && !asks_date_) keep = std::min(keep, kNearestMax);
  std::vector<Ranked> all;
  const std::vector<int32_t> rows = candidates(takes_all, keep);
  if (request_.similarity.error > 0) request_.refine(rows);
  for (const int32_t row : rows) {
    if (const auto ranked = rank(static_cast<size_t>(row), takes_all)) all.push_back(*ranked);
  }
  std::ranges::sort(all, [](const Ranked& a, const Ranked& b) {
    return a.score != b.score ? a.score > b.score : a.row < b.row;
  });
  all.resize(std::min(all.size(), keep));
  return {std::move(all), support(), signals_.weights()};
}

}  // namespace

Ranking rank_turns(const Corpus& corpus, Signals& signals, const RankRequest& request) {
  return Ranker(corpus, signals, request).run();
}

}  // namespace corvid::memory
