#include "memory/recall/signals.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace corvid::memory {
namespace {

constexpr float kK1 = 1.2f;
constexpr float kB = 0.75f;
constexpr Window kAlone = {0, 0, 0, 10, 0, 0, 0};
constexpr float kTenth = 0.1f;
constexpr uint16_t kCoverMin = 3;    // tenths in the near window: the turn or a direct neighbour
constexpr int32_t kCountMax = 255;   // sums of tenths stay below 2^16
constexpr size_t kCommonShare = 64;  // a term of more than one turn in so many is common
constexpr size_t kAtOnce = 6;        // common terms
constexpr size_t kBlock = 1024;      // rows whose numbers stay near the processor
constexpr size_t kMargin = 8;        // a window is one load wide, wherever it lies

using Lanes = uint16_t __attribute__((vector_size(16)));  // offsets -3..3, and nothing

// Positive even for a word of every turn.
double idf(double documents, double holding) {
  return std::log(1 + (documents - holding + 0.5) / (holding + 0.5));
}

Saturation saturation(double mean) {
  return {.up = kK1 + 1,
          .plain = kK1 * (1 - kB),
          .each = kK1 * kB / static_cast<float>(std::max(mean, 1e-9))};
}

// What a turn adds to its neighbours, for each reach: that before it sees it after itself.
std::array<Lanes, Corpus::Reach::kElsewhere> lanes_of(const Window& window) {
  std::array<Lanes, Corpus::Reach::kElsewhere> lanes{};
  for (uint8_t reach = 0; reach < lanes.size(); ++reach) {
    for (int offset = -3; offset <= 3; ++offset) {
      const bool is_there = offset <= Corpus::Reach::after(reach) &&
                            -offset <= Corpus::Reach::before(reach);
      if (is_there) lanes[reach][offset + 3] = window[static_cast<size_t>(3 - offset)];
    }
  }
  return lanes;
}

void add_lanes(uint16_t* at, const Lanes& lanes) {
  Lanes sum;
  std::memcpy(&sum, at, sizeof(sum));
  sum += lanes;
  std::memcpy(at, &sum, sizeof(sum));
}

uint16_t capped(const RowCount& hit) {
  return static_cast<uint16_t>(std::min(hit.count, kCountMax));
}

}  // namespace

void Signals::measure(const Corpus& corpus, const Windows& windows,
                      std::span<const std::vector<RowCount>> hits) {
  begin(corpus, windows);
  const size_t rows = corpus.rows().size();
  const size_t common_min = std::max<size_t>(rows / kCommonShare, 1);
  const auto is_common = [&](size_t term) { return hits[term].size() > common_min; };
  const auto free_counts = [&](size_t i) -> Counts& {
    counts_[i].near.resize(rows + 2 * kMargin);
    counts_[i].wide.resize(rows + 2 * kMargin);
    return counts_[i];
  };
  weights_.assign(hits.size(), 0.0);
  size_t waiting = 0;
  bool is_begun = false;
  // Common terms first, since they write all scores anyway.
  for (size_t term = 0; term < hits.size(); ++term) {
    if (!is_common(term)) continue;
    weights_[term] = spread_common(hits[term], free_counts(waiting));
    if (++waiting < kAtOnce) continue;
    score_common(std::span(counts_), !is_begun);
    is_begun = true;
    waiting = 0;
  }
  if (waiting > 0 || !is_begun) score_common(std::span(counts_).first(waiting), !is_begun);
  for (size_t term = 0; term < hits.size(); ++term) {
    if (!is_common(term)) weights_[term] = score_rare(hits[term], free_counts(0));
    asked_ += 1 + weights_[term];
    score_own(hits[term]);
    add_sessions(hits[term]);
  }
}

void Signals::begin(const Corpus& corpus, const Windows& windows) {
  corpus_ = &corpus;
  counts_.resize(kAtOnce);
  begin_view(own_, kAlone);
  begin_view(near_, windows.near);
  begin_view(wide_, windows.wide);
  covered_.resize(corpus.rows().size());
  covered_most_ = 0;
  own_.score.assign(corpus.rows().size(), 0.0f);
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
  view.score.resize(static_cast<size_t>(count));
  view.most = 0;
  view.mean = 0;
  for (int offset = -3; offset <= 3; ++offset) {
    view.mean += kTenth * window[static_cast<size_t>(offset + 3)] *
                 static_cast<double>(corpus_->words_at(offset)) / std::max(count, 1);
  }
}

float Signals::words_in(const Window& window, int32_t row) const {
  const auto rows = corpus_->rows();
  const auto words = [&](int32_t at) {
    return kTenth * static_cast<float>(rows[static_cast<size_t>(at)].words);
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

// Calls give(row, offset) for each turn that sees `row`, at that offset from it.
template <typename Give>
void Signals::for_each_viewer(int32_t row, const Give& give) const {
  const uint8_t reach = corpus_->reach()[static_cast<size_t>(row)];
  if ((reach & Corpus::Reach::kElsewhere) == 0) {
    const int before = Corpus::Reach::before(reach);
    const int after = Corpus::Reach::after(reach);
    for (int step = -before; step <= after; ++step) give(row + step, static_cast<size_t>(3 - step));
    return;
  }
  give(row, 3);
  int32_t before = row;
  int32_t after = row;
  for (size_t distance = 1; distance <= 3; ++distance) {
    if (before >= 0) before = corpus_->previous(before);
    if (after >= 0) after = corpus_->next(after);
    if (before >= 0) give(before, 3 + distance);
    if (after >= 0) give(after, 3 - distance);
  }
}

// Gives the term's weight.
float Signals::spread_common(std::span<const RowCount> hits, Counts& counts) const {
  const auto near = lanes_of(near_.window);
  const auto wide = lanes_of(wide_.window);
  const uint8_t* const reaches = corpus_->reach().data();
  for (const RowCount& hit : hits) {
    const uint16_t count = capped(hit);
    const uint8_t reach = reaches[hit.row];
    if ((reach & Corpus::Reach::kElsewhere) == 0) {
      const size_t from = static_cast<size_t>(hit.row) + kMargin - 3;
      add_lanes(counts.near.data() + from, near[reach] * count);
      add_lanes(counts.wide.data() + from, wide[reach] * count);
      continue;
    }
    for_each_viewer(hit.row, [&](int32_t row, size_t offset) {
      const size_t i = static_cast<size_t>(row) + kMargin;
      counts.near[i] = static_cast<uint16_t>(counts.near[i] + near_.window[offset] * count);
      counts.wide[i] = static_cast<uint16_t>(counts.wide[i] + wide_.window[offset] * count);
    });
  }
  const size_t rows = corpus_->rows().size();
  const auto holding = [rows](const std::vector<uint16_t>& each) {
    return rows - count_zeros(std::span(each).subspan(kMargin, rows));
  };
  return weigh(counts, holding(counts.near), holding(counts.wide));
}

// The same, scored at once.
float Signals::score_rare(std::span<const RowCount> hits, Counts& counts) {
  const auto add = [](std::vector<uint16_t>& all, std::vector<int32_t>& rows, int32_t row,
                      int amount) {
    uint16_t& place = all[static_cast<size_t>(row) + kMargin];
    if (place == 0) rows.push_back(row);
    place = static_cast<uint16_t>(place + amount);
  };
  for (const RowCount& hit : hits) {
    const uint16_t count = capped(hit);
    for_each_viewer(hit.row, [&](int32_t row, size_t offset) {
      const int near = near_.window[offset] * count;
      if (near > 0) add(counts.near, counts.near_rows, row, near);
      add(counts.wide, counts.wide_rows, row, wide_.window[offset] * count);
    });
  }
  weigh(counts, counts.near_rows.size(), counts.wide_rows.size());
  for (const int32_t row : counts.near_rows) {
    const auto i = static_cast<size_t>(row);
    if (counts.near[i + kMargin] < kCoverMin) continue;
    covered_most_ = std::max(covered_most_, covered_[i] += 1 + counts.near_weight);
  }
  score_rows(counts.near_rows, counts.near, counts.near_weight, near_);
  score_rows(counts.wide_rows, counts.wide, counts.wide_weight, wide_);
  counts.near_rows.clear();
  counts.wide_rows.clear();
  return counts.near_weight;
}

float Signals::weigh(Counts& counts, size_t near_holding, size_t wide_holding) const {
  const auto rows = static_cast<double>(corpus_->rows().size());
  counts.near_weight = static_cast<float>(idf(rows, static_cast<double>(near_holding)));
  counts.wide_weight = static_cast<float>(idf(rows, static_cast<double>(wide_holding)));
  return counts.near_weight;
}

void Signals::score_rows(std::span<const int32_t> touched, std::vector<uint16_t>& counts,
                         float weight, View& view) {
  const Saturation saturated = saturation(view.mean);
  for (const int32_t row : touched) {
    const auto i = static_cast<size_t>(row);
    uint16_t& count = counts[i + kMargin];
    view.score[i] += weight * saturated(kTenth * count, view.words[i]);
    view.most = std::max(view.most, view.score[i]);
    count = 0;
  }
}

void Signals::score_own(std::span<const RowCount> hits) {
  const auto rows = static_cast<double>(corpus_->rows().size());
  const auto weight = static_cast<float>(idf(rows, static_cast<double>(hits.size())));
  const Saturation saturated = saturation(own_.mean);
  for (const RowCount& hit : hits) {
    const auto i = static_cast<size_t>(hit.row);
    own_.score[i] += weight * saturated(static_cast<float>(hit.count), own_.words[i]);
    own_.most = std::max(own_.most, own_.score[i]);
  }
}

// Block by block, so that what several terms add to lies near the processor. `begins`: from zero.
void Signals::score_common(std::span<Counts> terms, bool begins) {
  const size_t rows = corpus_->rows().size();
  const auto add = [&](View& view, size_t from, size_t count, auto counts_of, auto weight_of) {
    const std::span<float> score = std::span(view.score).subspan(from, count);
    if (begins) std::ranges::fill(score, 0.0f);
    for (Counts& term : terms) {
      add_saturated(saturation(view.mean), {weight_of(term), kTenth},
                    counts_of(term).data() + kMargin + from, view.words.data() + from, score);
    }
    view.most = std::max(view.most, range_of(score).high);
  };
  for (size_t from = 0; from < rows; from += kBlock) {
    const size_t count = std::min(kBlock, rows - from);
    add(near_, from, count, [](Counts& term) -> auto& { return term.near; },
        [](Counts& term) { return term.near_weight; });
    add(wide_, from, count, [](Counts& term) -> auto& { return term.wide; },
        [](Counts& term) { return term.wide_weight; });
    const std::span<float> covered = std::span(covered_).subspan(from, count);
    if (begins) std::ranges::fill(covered, 0.0f);
    for (Counts& term : terms) {
      uint16_t* const near = term.near.data() + kMargin + from;
      add_where(near, kCoverMin, 1 + term.near_weight, covered);
      std::fill_n(near, count, uint16_t{0});
      std::fill_n(term.wide.data() + kMargin + from, count, uint16_t{0});
    }
    covered_most_ = std::max(covered_most_, range_of(covered).high);
  }
}

// Turns of a session mostly follow each other: their sum is put down once.
void Signals::add_sessions(std::span<const RowCount> hits) {
  const auto looks = corpus_->looks();
  std::vector<char> is_user;
  for (const Corpus::Speaker& speaker : corpus_->speakers()) {
    is_user.push_back(speaker.role == "user");
  }
  int32_t session = -1;
  float all = 0;
  float by_users = 0;
  const auto put = [&](Sums& sums, float amount) {
    if (amount <= 0) return;
    float& place = sums.value[static_cast<size_t>(session)];
    if (place == 0.0f) sums.touched.push_back(session);
    place += amount;
  };
  for (const RowCount& hit : hits) {
    const Corpus::Look& look = looks[static_cast<size_t>(hit.row)];
    if (look.session != session) {
      put(in_session_, all);
      put(by_user_, by_users);
      session = look.session;
      all = by_users = 0;
    }
    all += static_cast<float>(hit.count);
    if (is_user[look.kind / Corpus::Look::kKinds]) by_users += static_cast<float>(hit.count);
  }
  put(in_session_, all);
  put(by_user_, by_users);
  score_sessions(in_session_, false, session_);
  score_sessions(by_user_, true, user_);
}

void Signals::score_sessions(Sums& counts, bool users_only, std::vector<double>& scores) {
  const auto sessions = corpus_->sessions();
  const auto number = static_cast<double>(sessions.size());
  const double words = users_only ? user_words_ : static_cast<double>(corpus_->words());
  const double weight = idf(number, static_cast<double>(counts.touched.size()));
  const Saturation saturated = saturation(words / std::max(number, 1.0));
  for (const int32_t touched : counts.touched) {
    const auto i = static_cast<size_t>(touched);
    const int64_t length = users_only ? sessions[i].user_words : sessions[i].words;
    scores[i] += weight * saturated(counts.value[i], static_cast<float>(length));
    counts.value[i] = 0;
  }
  counts.touched.clear();
}

}  // namespace corvid::memory
