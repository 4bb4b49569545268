#pragma once

#include <memory>
#include <mutex>

#include "engine/engine.h"
#include "runtime/message.h"
#include "tools/edit_candidates.h"

namespace corvid::runtime {

// `rank` of a model profile: how the model's opinion on edits is read, and how much it weighs.
struct RankSettings {
  bool is_read_twice = false;  // "format": "read-twice"
  float weight = 0;            // 0: the model has no say
  float token = 1;             // of the replaced token's log-odds
  float verdict = 0;           // of the line's log-odds of being wrong
};

RankSettings parse_rank_settings(std::string_view profile_json);  // throws corrupt

// Scores the candidates of one function in one prefill: the model reads the function, a mark, and
// the function again; at each token of the second reading it predicts <|ok|> or the token that
// should stand there. Each request is a sequence of its own. Thread-safe.
class EditScorer {
 public:
  // Throws unsupported when the model's vocabulary lacks the marks.
  EditScorer(engine::Engine& engine, RankSettings settings);

  std::vector<float> score(const tools::RankRequest& request);
  TokenCounts tokens() const;

 private:
  engine::Engine& engine_;
  RankSettings settings_;
  int32_t edit_ = -1, ok_ = -1, bug_ = -1, hint_ = -1, end_of_text_ = -1;
  mutable std::mutex mutex_;
  TokenCounts tokens_;
};

}  // namespace corvid::runtime
