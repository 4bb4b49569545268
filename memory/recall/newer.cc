#include "memory/recall/newer.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "memory/ingest/annotate.h"
#include "memory/ingest/sentences.h"

namespace corvid::memory {
namespace {

// Chosen on the development questions of LongMemEval: no other question loses by them.
constexpr size_t kLookedAt = 10;
constexpr double kCoveredMin = 0.5;   // of what the best statement covers of the question
constexpr double kSharedMin = 0.6;    // of what the older covers
constexpr size_t kSharedWordsMin = 3;
// A question for the latest wants it even where less is said in the same words.
constexpr double kSharedMinLatest = 0.4;
constexpr size_t kSharedWordsMinLatest = 2;

std::set<std::string> stems_of(std::string_view text) {
  std::set<std::string> stems;
  for (std::string& word : words_of(text)) {
    if (!is_stop_word(word)) stems.insert(rough_stem(std::move(word)));
  }
  return stems;
}

struct Sentence {
  double covered = 0;  // sum of the weights of the question's terms that it holds
  std::set<std::string> words{};
};

// The sentences of a turn that cover most of the question: of those that state something, and of
// all. What is replaced may stand in a question ("does it fit my old camera?").
struct Candidate {
  Sentence stated{}, any{};
  int32_t session = -1;
  Time said_at{};
};

class Versions {
 public:
  Versions(const Question& question, std::span<const double> weights)
      : weights_(weights), wants_latest_(question.wants_latest) {
    for (const std::string& term : question.terms) terms_.push_back(rough_stem(term));
  }

  // `turn`: what was said there, if by a user; else null.
  void add(const Corpus::Row& place, const Turn* turn) {
    Candidate candidate{.session = place.session, .said_at = place.said_at};
    if (turn != nullptr) {
      for (const std::string_view text : statements_of(turn->text)) keep(text, candidate.stated);
      candidate.any = candidate.stated;
      for (const std::string_view text : questions_of(turn->text)) keep(text, candidate.any);
    }
    most_ = std::max(most_, candidate.stated.covered);
    candidates_.push_back(std::move(candidate));
  }

  // The newest of those behind `at` that replaces it; `at` when there is none.
  size_t replacement(size_t at) const {
    const Candidate& old = candidates_[at];
    size_t found = at;
    if (old.any.covered <= 0 || old.any.covered < kCoveredMin * most_) return at;
    for (size_t i = at + 1; i < candidates_.size(); ++i) {
      const Candidate& other = candidates_[i];
      if (other.session == old.session || other.said_at <= candidates_[found].said_at) continue;
      if (replaces(other.stated, old.stated) || replaces(other.stated, old.any)) found = i;
    }
    return found;
  }

  void move_to(size_t from, size_t to) {
    const auto begin = candidates_.begin();
    std::rotate(begin + static_cast<std::ptrdiff_t>(to), begin + static_cast<std::ptrdiff_t>(from),
                begin + static_cast<std::ptrdiff_t>(from) + 1);
  }

 private:
  double weight_of(const std::set<std::string>& words) const {
    double sum = 0;
    for (size_t i = 0; i < terms_.size() && i < weights_.size(); ++i) {
      if (words.contains(terms_[i])) sum += weights_[i];
    }
    return sum;
  }

  void keep(std::string_view text, Sentence& best) const {
    std::set<std::string> words = stems_of(text);
    const double covered = weight_of(words);
    if (covered > best.covered) best = {covered, std::move(words)};
  }

  bool replaces(const Sentence& newer, const Sentence& older) const {
    if (older.covered <= 0) return false;
    std::set<std::string> shared;
    std::ranges::set_intersection(older.words, newer.words, std::inserter(shared, shared.end()));
    return shared.size() >= (wants_latest_ ? kSharedWordsMinLatest : kSharedWordsMin) &&
           weight_of(shared) >= (wants_latest_ ? kSharedMinLatest : kSharedMin) * older.covered;
  }

  std::span<const double> weights_;
  bool wants_latest_ = false;
  std::vector<std::string> terms_;
  std::vector<Candidate> candidates_;
  double most_ = 0;
};

}  // namespace

void put_newest_first(const Store& store, const Corpus& corpus, const Question& question,
                      std::span<const double> weights, std::vector<Ranked>& best) {
  const bool is_wanted = corpus.has_both_roles() && !question.wants_assistant &&
                         !question.wants_former && !question.wants_span;
  if (!is_wanted) return;
  Versions versions(question, weights);
  const size_t count = std::min(best.size(), kLookedAt);
  std::vector<TurnId> by_users;
  for (size_t i = 0; i < count; ++i) {
    const Corpus::Row& place = corpus.rows()[static_cast<size_t>(best[i].row)];
    const bool is_user = corpus.speakers()[static_cast<size_t>(place.speaker)].role == "user";
    if (is_user) by_users.push_back(place.id);
  }
  const std::map<TurnId, Turn> turns = store.turns(by_users);
  for (size_t i = 0; i < count; ++i) {
    const Corpus::Row& place = corpus.rows()[static_cast<size_t>(best[i].row)];
    const auto turn = turns.find(place.id);
    versions.add(place, turn != turns.end() ? &turn->second : nullptr);
  }
  for (size_t i = 0; i < count; ++i) {
    const size_t newer = versions.replacement(i);
    if (newer == i) continue;
    const auto begin = best.begin();
    std::rotate(begin + static_cast<std::ptrdiff_t>(i), begin + static_cast<std::ptrdiff_t>(newer),
                begin + static_cast<std::ptrdiff_t>(newer) + 1);
    versions.move_to(newer, i);
  }
}

}  // namespace corvid::memory
