#pragma once
// Log-probabilities of a unit's tokens, as they are and with a candidate in place.

#include <array>
#include <vector>

#include "tools/edits/features.h"

namespace corvid::tools::edits {

enum class Scorer { table, file, unit, mix };
inline constexpr int kScorerCount = 4;
using Scores = std::array<float, kScorerCount>;  // log-probabilities of one token

inline constexpr int kTokensAfter = 4;  // compared besides the changed ones

struct Comparison {
  std::array<float, kScorerCount> ratio{};  // log P(new window) - log P(old window)
  float next_ratio = 0;                     // of the tokens after the changed ones alone, mixture
  int token_count = 1;                      // of the longer window
  float least_old = 0, least_new = 0;       // over the windows, mixture
  float mean_old = 0, mean_new = 0;         // over the changed tokens, mixture
  float first_old = 0, first_new = 0;
};

class Likelihood {
 public:
  Likelihood(FileModel& model, const Unit& unit);

  // Leaves the tokens [first, last) out of the counts until the next call.
  void leave_out(int first, int last);

  Comparison compare(const Candidate& candidate, const std::vector<int>& new_ids);

  // Mixture of token `at` as it stands, its own line left out; of the whole unit.
  float standing(int at) const { return standing_[static_cast<size_t>(at - unit_.first_token)]; }
  float standing_mean() const { return standing_mean_; }

 private:
  Scores score(const int* context, int id) const;
  Scores score_at(int at);  // as it stands, under the present leave_out
  float table_score(const int* context, int id) const;

  FileModel& model_;
  const Unit& unit_;
  TrigramCounts unit_counts_;
  TrigramCounts left_out_;
  std::vector<float> standing_;
  float standing_mean_ = 0;
  std::vector<Scores> memo_;
  std::vector<int> memo_round_;
  int round_ = 0;
  std::vector<int> window_;  // scratch
};

}  // namespace corvid::tools::edits
