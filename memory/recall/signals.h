#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/store.h"

namespace corvid::memory {

// How much the words of neighbours count, by offset -3..3; in the same session only.
using Window = std::array<double, 7>;

// BM25 (k1 1.2, b 0.75) of every turn and session for the terms given so far.
class Signals {
 public:
  // `own`, `near` and `wide` are the windows of the scores of that name.
  Signals(const Corpus& corpus, const Window& near, const Window& wide);

  // Gives the weight of the term: the rarer, the more.
  double add_term(const std::vector<TermCount>& hits);

  struct View {
    explicit View(size_t count, const Window& given) : window(given), score(count, 0.0) {}
    Window window;
    double mean = 0;  // words in it
    std::vector<double> score;
  };
  const std::vector<double>& own() const { return views_[0].score; }
  const std::vector<double>& near() const { return views_[1].score; }
  const std::vector<double>& wide() const { return views_[2].score; }
  const std::vector<double>& session() const { return session_; }  // by session
  const std::vector<double>& user() const { return user_; }  // by session, what users said
  // Weight of the terms that the turn or its neighbours hold, and of all terms.
  const std::vector<double>& covered() const { return covered_; }
  double asked() const { return asked_; }

 private:
  // One number per item with the list of those that are not zero.
  struct Sparse {
    explicit Sparse(size_t size) : value(size, 0.0) {}
    void add(int32_t index, double amount);
    void clear();
    std::vector<double> value;
    std::vector<int32_t> touched;
  };

  void count(const std::vector<TermCount>& hits);
  void spread(View& view);
  double words_in(const Window& window, int32_t row) const;
  void add_sessions(const Sparse& counts, bool users_only, std::vector<double>& scores);

  const Corpus& corpus_;
  std::vector<View> views_;
  std::vector<double> session_, user_, covered_;
  double asked_ = 0;
  double user_words_ = 0;
  Sparse own_, window_, in_session_, by_user_;
};

}  // namespace corvid::memory
