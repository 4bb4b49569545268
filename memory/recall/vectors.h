#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "memory/recall/column.h"
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

  // As sections of a file, and from them; see Corpus, which is loaded before.
  void save(SectionWriter& out) const;
  void load(SectionReader& in, const Corpus& corpus);

  // `question` as bytes (ingest/vector.h); empty, or of another size: an empty answer. `found` is
  // written over, so that its memory serves again.
  void compare(const Corpus& corpus, std::span<const int8_t> question, Similarity& found) const;

 private:
  void add(int32_t row, std::span<const int8_t> vector);
  void settle(const Corpus& corpus, int32_t row);
  void add_neighbours(const Corpus& corpus, std::pair<size_t, size_t> rows,
                      Similarity& found) const;
  const int8_t* codes(int32_t row) const { return codes_.data() + static_cast<size_t>(row) * dim_; }

  size_t dim_ = 0;
  int64_t generation_ = 0;
  TurnId last_ = 0;  // that was asked for
  Column<int8_t> codes_;    // dim_ for each row; zeros where there is no vector
  Column<float> inverse_;   // 1 / length, 0 where there is no vector
  Column<float> near_inverse_;  // 1 / length of the means
  Column<float> wide_inverse_;
};

}  // namespace corvid::memory
