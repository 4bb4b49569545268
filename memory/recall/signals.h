#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/kernels.h"

namespace corvid::memory {

// How much the words of neighbours count, in tenths, by offset -3..3; in the same session only.
using Window = std::array<uint16_t, 7>;

// `count` occurrences of a term in the turn of a row.
struct RowCount {
  int32_t row = 0;
  int32_t count = 0;
};

// BM25 (k1 1.2, b 0.75) of every turn and session for the terms of a question. Kept from question
// to question, so that its memory need not be asked for again. Not thread-safe.
class Signals {
 public:
  struct Windows {
    Window near{}, wide{};
  };

  // A new question to `corpus`, which outlives its answer; `hits` of each of its terms, by rising
  // row. More than 255 occurrences in a turn count as so many in the windows.
  void measure(const Corpus& corpus, const Windows& windows,
               std::span<const std::vector<RowCount>> hits);

  // Of each term: the rarer, the more.
  const std::vector<double>& weights() const { return weights_; }

  // By row.
  const std::vector<float>& own() const { return own_.score; }
  const std::vector<float>& near() const { return near_.score; }
  const std::vector<float>& wide() const { return wide_.score; }
  const std::vector<double>& session() const { return session_; }  // by session
  const std::vector<double>& user() const { return user_; }  // by session, what users said
  // The largest of these.
  double own_max() const { return own_.most; }
  double near_max() const { return near_.most; }
  double wide_max() const { return wide_.most; }
  // Weight of all terms, and the most of it that a turn or its neighbours hold.
  double asked() const { return asked_; }
  double covered() const { return covered_most_; }

 private:
  struct View {
    Window window{};
    int64_t generation = -1;
    double mean = 0;           // words in it
    std::vector<float> words;  // by row
    std::vector<float> score;  // by row
    float most = 0;            // score
  };
  // Occurrences of one term in the windows, in tenths, by row behind a margin; zero in between.
  struct Counts {
    std::vector<uint16_t> near, wide;
    std::vector<int32_t> near_rows, wide_rows;  // that are not zero, unless the term is common
    float near_weight = 0, wide_weight = 0;
  };
  struct Sums {
    std::vector<float> value;  // by session; zero in between
    std::vector<int32_t> touched;
  };

  void begin(const Corpus& corpus, const Windows& windows);
  void begin_view(View& view, const Window& window);
  float words_in(const Window& window, int32_t row) const;
  template <typename Give>
  void for_each_viewer(int32_t row, const Give& give) const;
  float spread_common(std::span<const RowCount> hits, Counts& counts) const;
  float score_rare(std::span<const RowCount> hits, Counts& counts);
  float weigh(Counts& counts, size_t near_holding, size_t wide_holding) const;
  void score_common(std::span<Counts> terms, bool begins);
  void score_rows(std::span<const int32_t> touched, std::vector<uint16_t>& counts, float weight,
                  View& view);
  void score_own(std::span<const RowCount> hits);
  void add_sessions(std::span<const RowCount> hits);
  void score_sessions(Sums& counts, bool users_only, std::vector<double>& scores);

  const Corpus* corpus_ = nullptr;
  View own_, near_, wide_;
  std::vector<Counts> counts_;  // of common terms, of which some are scored together
  std::vector<double> weights_;
  std::vector<double> session_, user_;
  std::vector<float> covered_;
  float covered_most_ = 0;
  double asked_ = 0;
  double user_words_ = 0;
  Sums in_session_, by_user_;
};

}  // namespace corvid::memory
