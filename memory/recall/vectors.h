#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "memory/recall/column.h"
#include "memory/recall/corpus.h"
#include "memory/recall/kernels.h"
#include "memory/store.h"

namespace corvid::memory {

// How near the turns of a corpus are to a question, by row; cosines. A turn without a vector has 0.
struct Similarity {
  std::vector<float> own;   // to the turn
  std::vector<float> near;  // to the mean of the turn and its neighbours at 1, which weigh 0.5
  std::vector<float> wide;  // the same with those at 2 (0.25) and 3 (0.15)
  Range own_range{}, near_range{}, wide_range{};
  float error = 0;  // what the cosines may be off by; 0: they are exact
  bool is_of_sentences = false;  // see Ports::embeds_sentences
};

// The vectors of a corpus, compared one by one. Of many rows first by four bits of each number
// (compare), then exactly for those that matter (refine): what ranks best is the same. Brought up
// to date after the corpus. A cache: dropping it loses nothing. Not thread-safe.
class Vectors {
 public:
  explicit Vectors(size_t coarse_rows_min = kCoarseRowsMin) : coarse_rows_min_(coarse_rows_min) {}

  void refresh(const Store& store, const Corpus& corpus, const std::string& embedder);

  // As sections of a file, and from them; see Corpus, which is loaded before.
  void save(SectionWriter& out) const;
  void load(SectionReader& in, const Corpus& corpus);

  // `question` as bytes (ingest/vector.h); empty, or of another size: an empty answer. `found` is
  // written over, so that its memory serves again.
  void compare(const Corpus& corpus, std::span<const int8_t> question, Similarity& found) const;
  // Makes what was found exact for these rows; the ranges stay.
  void refine(const Corpus& corpus, std::span<const int8_t> question,
              std::span<const int32_t> rows, Similarity& found) const;

  static constexpr size_t kCoarseRowsMin = 50'000;  // fewer rows are compared exactly at once

 private:
  void add(int32_t row, std::span<const int8_t> vector);
  void settle(const Corpus& corpus, int32_t row);
  void coarsen();
  void add_means(const Corpus& corpus, std::pair<size_t, size_t> rows, Similarity& found) const;
  void add_mean(const Corpus& corpus, size_t row, Similarity& found) const;
  bool is_coarse() const { return coarse_inverse_.size() == inverse_.size() && dim_ > 0; }
  const int8_t* codes(int32_t row) const { return codes_.data() + static_cast<size_t>(row) * dim_; }

  size_t coarse_rows_min_ = 0;
  size_t dim_ = 0;
  int64_t generation_ = 0;
  TurnId last_ = 0;  // that was asked for
  Column<int8_t> codes_;    // dim_ for each row; zeros where there is no vector
  Column<float> inverse_;   // 1 / length, 0 where there is no vector
  Column<float> near_inverse_;  // 1 / length of the means
  Column<float> wide_inverse_;
  Column<uint8_t> coarse_;  // dim_ / 2 for each row (kernels.h), if there are many rows
  Column<float> coarse_inverse_;  // 1 / what a vector itself gives, times its length
};

}  // namespace corvid::memory
