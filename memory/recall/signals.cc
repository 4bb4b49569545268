#include "memory/recall/signals.h"

#include <algorithm>
#include <cmath>

namespace corvid::memory {
namespace {

constexpr double kK1 = 1.2;
constexpr double kB = 0.75;

// Positive even for a word of every turn.
double idf(double documents, double holding) {
  return std::log(1 + (documents - holding + 0.5) / (holding + 0.5));
}

double saturate(double count, double length, double mean_length) {
  const double norm = 1 - kB + kB * length / std::max(mean_length, 1e-9);
  return count * (kK1 + 1) / (count + kK1 * norm);
}

constexpr Window kAlone = {0, 0, 0, 1, 0, 0, 0};
constexpr double kCoverMin = 0.3;  // of a count in the near window: the turn or a direct neighbour

}  // namespace

void Signals::Sparse::add(int32_t index, double amount) {
  double& place = value[static_cast<size_t>(index)];
  if (place == 0.0) touched.push_back(index);
  place += amount;
}

void Signals::Sparse::clear() {
  for (const int32_t index : touched) value[static_cast<size_t>(index)] = 0.0;
  touched.clear();
}

Signals::Signals(const Corpus& corpus, const Window& near, const Window& wide)
    : corpus_(corpus),
      session_(corpus.sessions().size(), 0.0),
      user_(corpus.sessions().size(), 0.0),
      covered_(corpus.rows().size(), 0.0),
      own_(corpus.rows().size()),
      window_(corpus.rows().size()),
      in_session_(corpus.sessions().size()),
      by_user_(corpus.sessions().size()) {
  const auto count = static_cast<double>(std::max<size_t>(corpus.rows().size(), 1));
  for (const Window& window : {kAlone, near, wide}) {
    views_.emplace_back(corpus.rows().size(), window);
    for (int offset = -3; offset <= 3; ++offset) {
      views_.back().mean += window[static_cast<size_t>(offset + 3)] *
                            static_cast<double>(corpus.words_at(offset)) / count;
    }
  }
  for (const Corpus::Session& session : corpus.sessions()) {
    user_words_ += static_cast<double>(session.user_words);
  }
}

double Signals::words_in(const Window& window, int32_t row) const {
  const auto rows = corpus_.rows();
  double words = rows[static_cast<size_t>(row)].words;
  int32_t before = row;
  int32_t after = row;
  for (size_t distance = 1; distance <= 3; ++distance) {
    before = corpus_.neighbour(before, -1);
    after = corpus_.neighbour(after, 1);
    if (before >= 0) words += window[3 - distance] * rows[static_cast<size_t>(before)].words;
    if (after >= 0) words += window[3 + distance] * rows[static_cast<size_t>(after)].words;
  }
  return words;
}

void Signals::count(const std::vector<TermCount>& hits) {
  const auto rows = corpus_.rows();
  own_.clear();
  in_session_.clear();
  by_user_.clear();
  size_t index = 0;
  for (const TermCount& hit : hits) {
    const auto place = std::lower_bound(
        rows.begin() + static_cast<std::ptrdiff_t>(index), rows.end(), hit.turn,
        [](const Corpus::Row& row, TurnId id) { return row.id < id; });
    if (place == rows.end()) break;
    index = static_cast<size_t>(place - rows.begin());
    if (place->id != hit.turn) continue;  // of another scope, or newer than the corpus
    own_.add(static_cast<int32_t>(index), hit.count);
    in_session_.add(place->session, hit.count);
    if (corpus_.speakers()[static_cast<size_t>(place->speaker)].role == "user") {
      by_user_.add(place->session, hit.count);
    }
  }
}

void Signals::spread(View& view) {
  window_.clear();
  for (const int32_t row : own_.touched) {
    const double count = own_.value[static_cast<size_t>(row)];
    window_.add(row, count);
    int32_t before = row;
    int32_t after = row;
    for (size_t distance = 1; distance <= 3; ++distance) {
      before = corpus_.neighbour(before, -1);
      after = corpus_.neighbour(after, 1);
      // The turn before sees this one after it.
      if (before >= 0 && view.window[3 + distance] > 0) {
        window_.add(before, view.window[3 + distance] * count);
      }
      if (after >= 0 && view.window[3 - distance] > 0) {
        window_.add(after, view.window[3 - distance] * count);
      }
    }
  }
  const double weight = idf(static_cast<double>(corpus_.rows().size()),
                            static_cast<double>(window_.touched.size()));
  for (const int32_t row : window_.touched) {
    const auto i = static_cast<size_t>(row);
    view.score[i] += weight * saturate(window_.value[i], words_in(view.window, row), view.mean);
  }
}

void Signals::add_sessions(const Sparse& counts, bool users_only, std::vector<double>& scores) {
  const auto sessions = corpus_.sessions();
  const auto number = static_cast<double>(sessions.size());
  const double words = users_only ? user_words_ : static_cast<double>(corpus_.words());
  const double weight = idf(number, static_cast<double>(counts.touched.size()));
  for (const int32_t touched : counts.touched) {
    const auto i = static_cast<size_t>(touched);
    const int64_t length = users_only ? sessions[i].user_words : sessions[i].words;
    scores[i] += weight * saturate(counts.value[i], static_cast<double>(length),
                                   words / std::max(number, 1.0));
  }
}

double Signals::add_term(const std::vector<TermCount>& hits) {
  count(hits);
  spread(views_[0]);
  spread(views_[2]);
  spread(views_[1]);  // last: what it covers is read below
  const double evidence = 1 + idf(static_cast<double>(corpus_.rows().size()),
                                  static_cast<double>(window_.touched.size()));
  asked_ += evidence;
  for (const int32_t row : window_.touched) {
    if (window_.value[static_cast<size_t>(row)] >= kCoverMin) {
      covered_[static_cast<size_t>(row)] += evidence;
    }
  }
  add_sessions(in_session_, false, session_);
  add_sessions(by_user_, true, user_);
  return evidence - 1;
}

}  // namespace corvid::memory
