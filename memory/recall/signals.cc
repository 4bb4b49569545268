#include "memory/recall/signals.h"

#include <algorithm>
#include <cmath>

#include "memory/recall/kernels.h"

namespace corvid::memory {
namespace {

constexpr float kK1 = 1.2f;
constexpr float kB = 0.75f;
constexpr Window kAlone = {0, 0, 0, 1, 0, 0, 0};
constexpr float kCoverMin = 0.3f;  // of a count in the near window: the turn or a direct neighbour
constexpr size_t kCommonShare = 16;  // a term of more than one turn in so many is common

// Positive even for a word of every turn.
double idf(double documents, double holding) {
  return std::log(1 + (documents - holding + 0.5) / (holding + 0.5));
}

Saturation saturation(double mean) {
  return {.up = kK1 + 1,
          .plain = kK1 * (1 - kB),
          .each = kK1 * kB / static_cast<float>(std::max(mean, 1e-9))};
}

}  // namespace

void Signals::Sparse::add(int32_t index, float amount) {
  float& place = value[static_cast<size_t>(index)];
  if (place == 0.0f) touched.push_back(index);
  place += amount;
}

void Signals::Sparse::clear() {
  for (const int32_t index : touched) value[static_cast<size_t>(index)] = 0.0f;
  touched.clear();
}

void Signals::begin(const Corpus& corpus, const Windows& windows) {
  corpus_ = &corpus;
  begin_view(own_, kAlone);
  begin_view(near_, windows.near);
  begin_view(wide_, windows.wide);
  covered_.assign(corpus.rows().size(), 0.0f);
  session_.assign(corpus.sessions().size(), 0.0);
  user_.assign(corpus.sessions().size(), 0.0);
  in_session_.value.resize(corpus.sessions().size());
  by_user_.value.resize(corpus.sessions().size());
  asked_ = 0;
  user_words_ = 0;
  for (const Corpus::Session& session : corpus.sessions()) {
    user_words_ += static_cast<double>(session.user_words);
  }
}

void Signals::begin_view(View& view, const Window& window) {
  const auto count = static_cast<int32_t>(corpus_->rows().size());
  if (view.generation != corpus_->generation() || view.window != window) view.words.clear();
  view.generation = corpus_->generation();
  view.window = window;
  const auto known = static_cast<int32_t>(view.words.size());
  view.words.resize(static_cast<size_t>(count));
  for (int32_t row = known; row < count; ++row) {
    // An older one has got a new neighbour.
    for (int32_t near = row, i = 0; near >= 0 && i <= 3; ++i, near = corpus_->previous(near)) {
      view.words[static_cast<size_t>(near)] = words_in(window, near);
    }
  }
  view.score.assign(static_cast<size_t>(count), 0.0f);
  view.counts.value.resize(static_cast<size_t>(count));
  view.mean = 0;
  for (int offset = -3; offset <= 3; ++offset) {
    view.mean += window[static_cast<size_t>(offset + 3)] *
                 static_cast<double>(corpus_->words_at(offset)) / std::max(count, 1);
  }
}

float Signals::words_in(const Window& window, int32_t row) const {
  const auto rows = corpus_->rows();
  const auto words = [&](int32_t at) {
    return static_cast<float>(rows[static_cast<size_t>(at)].words);
  };
  float sum = window[3] * words(row);
  int32_t before = row;
  int32_t after = row;
  for (size_t distance = 1; distance <= 3; ++distance) {
    before = corpus_->neighbour(before, -1);
    after = corpus_->neighbour(after, 1);
    if (before >= 0) sum += window[3 - distance] * words(before);
    if (after >= 0) sum += window[3 + distance] * words(after);
  }
  return sum;
}

// Calls give(row, weight) for each turn whose window holds `row`: the turn before sees it after
// itself.
template <typename Give>
void Signals::for_each_viewer(const Window& window, int32_t row, const Give& give) const {
  give(row, window[3]);
  int32_t before = row;
  int32_t after = row;
  for (size_t distance = 1; distance <= 3; ++distance) {
    const float seen_before = window[3 + distance];
    const float seen_after = window[3 - distance];
    if (seen_before <= 0 && seen_after <= 0) return;  // farther ones see no more
    if (before >= 0) before = corpus_->previous(before);
    if (after >= 0) after = corpus_->next(after);
    if (before >= 0 && seen_before > 0) give(before, seen_before);
    if (after >= 0 && seen_after > 0) give(after, seen_after);
  }
}

// Adds what the term gives to the scores of a view; returns its weight there.
float Signals::spread(std::span<const RowCount> hits, View& view, bool covers) {
  const bool is_common = hits.size() > view.score.size() / kCommonShare;
  float* const value = view.counts.value.data();
  for (const RowCount& hit : hits) {
    const auto count = static_cast<float>(hit.count);
    for_each_viewer(view.window, hit.row, [&](int32_t row, float weight) {
      // What is touched by a common term is found by looking at all.
      if (is_common) value[row] += weight * count;
      else view.counts.add(row, weight * count);
    });
  }
  const auto rows = static_cast<double>(view.score.size());
  const size_t size = view.score.size();
  size_t holding = view.counts.touched.size();
  if (is_common) holding = size - count_zeros(view.counts.value);
  const auto weight = static_cast<float>(idf(rows, static_cast<double>(holding)));
  const Saturation saturated = saturation(view.mean);
  if (is_common) {
    add_saturated(saturated, weight, value, view.words.data(), view.score);
    if (covers) add_where(value, kCoverMin, 1 + weight, covered_);
    std::fill(value, value + size, 0.0f);
    return weight;
  }
  for (const int32_t row : view.counts.touched) {
    const auto i = static_cast<size_t>(row);
    view.score[i] += weight * saturated(value[i], view.words[i]);
    if (covers && value[i] >= kCoverMin) covered_[i] += 1 + weight;
  }
  view.counts.clear();
  return weight;
}

void Signals::add_sessions(Sparse& counts, bool users_only, std::vector<double>& scores) {
  const auto sessions = corpus_->sessions();
  const auto number = static_cast<double>(sessions.size());
  const double words = users_only ? user_words_ : static_cast<double>(corpus_->words());
  const double weight = idf(number, static_cast<double>(counts.touched.size()));
  const Saturation saturated = saturation(words / std::max(number, 1.0));
  for (const int32_t touched : counts.touched) {
    const auto i = static_cast<size_t>(touched);
    const int64_t length = users_only ? sessions[i].user_words : sessions[i].words;
    scores[i] += weight * saturated(counts.value[i], static_cast<float>(length));
  }
  counts.clear();
}

double Signals::add_term(std::span<const RowCount> hits) {
  const auto rows = corpus_->rows();
  for (const RowCount& hit : hits) {
    const Corpus::Row& row = rows[static_cast<size_t>(hit.row)];
    in_session_.add(row.session, static_cast<float>(hit.count));
    if (corpus_->speakers()[static_cast<size_t>(row.speaker)].role == "user") {
      by_user_.add(row.session, static_cast<float>(hit.count));
    }
  }
  spread(hits, own_, false);
  spread(hits, wide_, false);
  const double weight = spread(hits, near_, true);
  asked_ += 1 + weight;
  add_sessions(in_session_, false, session_);
  add_sessions(by_user_, true, user_);
  return weight;
}

}  // namespace corvid::memory
