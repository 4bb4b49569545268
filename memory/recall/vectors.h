#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/store.h"

namespace corvid::memory {

// How near the turns of a corpus are to a question, by row; cosines. A turn without a vector has 0.
struct Similarity {
  std::vector<float> own;   // to the turn
  std::vector<float> near;  // to the mean of the turn and its neighbours at 1, which weigh 0.5
  std::vector<float> wide;  // the same with those at 2 (0.25) and 3 (0.15)
  bool is_of_sentences = false;  // see Ports::embeds_sentences
};

// The vectors of a corpus, compared one by one: exact. Brought up to date after the corpus. A
// cache: dropping it loses nothing. Not thread-safe.
class Vectors {
 public:
  void refresh(const Store& store, const Corpus& corpus, const std::string& embedder);

  // `question` as bytes (ingest/vector.h); empty, or of another size: an empty answer.
  Similarity compare(const Corpus& corpus, std::span<const int8_t> question) const;

 private:
  static constexpr int kReach = 6;  // neighbours of a mean are at most so far apart

  void add(int32_t row, std::span<const int8_t> vector);
  void tie(const Corpus& corpus, int32_t row);
  void settle(const Corpus& corpus, int32_t row);
  std::span<const int8_t> codes(int32_t row) const;

  size_t dim_ = 0;
  int64_t generation_ = 0;
  TurnId last_ = 0;
  std::vector<int8_t> codes_;    // dim_ for each row; zeros where there is no vector
  std::vector<float> inverse_;   // 1 / length, 0 where there is no vector
  std::vector<float> near_inverse_;  // 1 / length of the means
  std::vector<float> wide_inverse_;
  // Cosines to the turns 1..kReach before in the session.
  std::vector<std::array<float, kReach>> before_;
};

}  // namespace corvid::memory
