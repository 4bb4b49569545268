#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "memory/recall/corpus.h"

namespace corvid::memory {

// How much the words of neighbours count, by offset -3..3; in the same session only.
using Window = std::array<float, 7>;

// `count` occurrences of a term in the turn of a row.
struct RowCount {
  int32_t row = 0;
  int32_t count = 0;
};

// BM25 (k1 1.2, b 0.75) of every turn and session for the terms given since begin(). Kept from
// question to question, so that its memory need not be asked for again. Not thread-safe.
class Signals {
 public:
  struct Windows {
    Window near{}, wide{};
  };

  // A new question to `corpus`, which outlives its answer.
  void begin(const Corpus& corpus, const Windows& windows);

  // `hits` by rising row. Gives the weight of the term: the rarer, the more.
  double add_term(std::span<const RowCount> hits);

  const std::vector<float>& own() const { return own_.score; }
  const std::vector<float>& near() const { return near_.score; }
  const std::vector<float>& wide() const { return wide_.score; }
  const std::vector<double>& session() const { return session_; }  // by session
  const std::vector<double>& user() const { return user_; }  // by session, what users said
  // Weight of the terms that the turn or its neighbours hold, and of all terms.
  const std::vector<float>& covered() const { return covered_; }
  double asked() const { return asked_; }

 private:
  // One number per item with the list of those that are not zero.
  struct Sparse {
    void add(int32_t index, float amount);
    void clear();
    std::vector<float> value;
    std::vector<int32_t> touched;
  };
  struct View {
    Window window{};
    int64_t generation = -1;
    double mean = 0;           // words in it
    std::vector<float> words;  // by row
    std::vector<float> score;  // by row
    Sparse counts;             // of the term at hand; zero in between
  };

  void begin_view(View& view, const Window& window);
  float words_in(const Window& window, int32_t row) const;
  template <typename Give>
  void for_each_viewer(const Window& window, int32_t row, const Give& give) const;
  float spread(std::span<const RowCount> hits, View& view, bool covers);
  void add_sessions(Sparse& counts, bool users_only, std::vector<double>& scores);

  const Corpus* corpus_ = nullptr;
  View own_, near_, wide_;
  std::vector<double> session_, user_;
  std::vector<float> covered_;
  double asked_ = 0;
  double user_words_ = 0;
  Sparse in_session_, by_user_;
};

}  // namespace corvid::memory
