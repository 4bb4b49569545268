#include "memory/recall/vectors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <mutex>
#include <thread>

#include "memory/recall/kernels.h"

namespace corvid::memory {
namespace {

constexpr size_t kThreadsMax = 8;
constexpr size_t kRowsPerThread = 40'000;  // about one millisecond
constexpr uint64_t kDimMax = 1 << 16;
constexpr ByDistance kNear = {1.0f, 0.5f, 0.0f, 0.0f};
constexpr ByDistance kWide = {1.0f, 0.5f, 0.25f, 0.15f};
constexpr size_t kBlock = 1024;         // rows whose numbers stay near the processor
constexpr int kCoarseMost = 7;
constexpr float kCoarseError = 0.01f;   // the spread that was measured

// Calls part(from, to) for all of `count`, in several threads where that pays.
void in_parts(size_t count, const std::function<void(size_t from, size_t to)>& part) {
  const size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const size_t most = std::min(cores, kThreadsMax);
  const size_t threads = std::clamp<size_t>(count / kRowsPerThread, 1, most);
  std::vector<std::jthread> others;
  for (size_t i = 1; i < threads; ++i) {
    others.emplace_back(part, count * i / threads, count * (i + 1) / threads);
  }
  part(0, count / threads);
}

// Makes `range` hold `more`, too; `is_first`: that alone.
void widen(const Range& more, bool is_first, Range& range) {
  range.low = is_first ? more.low : std::min(range.low, more.low);
  range.high = is_first ? more.high : std::max(range.high, more.high);
}

float inverse_length(std::span<const int8_t> v) {
  const int32_t square = dot(v.data(), v.data(), v.size());
  return square > 0 ? 1.0f / std::sqrt(static_cast<float>(square)) : 0.0f;
}

}  // namespace

void Vectors::refresh(const Store& store, const Corpus& corpus, const std::string& embedder) {
  if (corpus.generation() != generation_ || corpus.rows().size() < inverse_.size()) {
    codes_.clear();
    inverse_.clear();
    near_inverse_.clear();
    wide_inverse_.clear();
    coarse_.clear();
    coarse_inverse_.clear();
    dim_ = 0;
    last_ = 0;
    generation_ = corpus.generation();
  }
  const auto rows = corpus.rows();
  const auto first = static_cast<int32_t>(inverse_.size());
  inverse_.resize(rows.size());
  codes_.resize(rows.size() * dim_);
  size_t at = 0;
  store.for_each_vector(corpus.scopes(), embedder, last_,
                        [&](TurnId turn, std::span<const int8_t> vector) {
    last_ = turn;
    const auto place = std::lower_bound(
        rows.begin() + static_cast<std::ptrdiff_t>(at), rows.end(), turn,
        [](const Corpus::Row& row, TurnId id) { return row.id < id; });
    at = static_cast<size_t>(place - rows.begin());
    if (place != rows.end() && place->id == turn) add(static_cast<int32_t>(at), vector);
  });
  if (!rows.empty()) last_ = std::min(last_, rows.back().id);
  near_inverse_.resize(rows.size());
  wide_inverse_.resize(rows.size());
  const auto count = static_cast<int32_t>(rows.size());
  for (auto row = first; row < count; ++row) {
    settle(corpus, row);
    for (int offset = 1; offset <= 3; ++offset) {
      const int32_t older = corpus.neighbour(row, -offset);
      if (older >= 0 && older < first) settle(corpus, older);  // has got a new neighbour
    }
  }
  coarsen();
}

void Vectors::coarsen() {
  const size_t count = inverse_.size();
  if (count < coarse_rows_min_ || dim_ == 0 || dim_ % kCoarseStep != 0) return;
  const size_t half = dim_ / 2;
  const auto number = [](int8_t code) {
    const float part = static_cast<float>(code) / 127.0f * kCoarseMost;
    return std::clamp(static_cast<int>(std::lround(part)), -kCoarseMost, kCoarseMost);
  };
  const size_t known = coarse_inverse_.size();
  coarse_.resize(count * half);
  coarse_inverse_.resize(count);
  for (size_t row = known; row < count; ++row) {
    const int8_t* const exact = codes(static_cast<int32_t>(row));
    int32_t itself = 0;
    for (size_t i = 0; i < half; ++i) {
      const int low = number(exact[i]);
      const int high = number(exact[half + i]);
      itself += low * exact[i] + high * exact[half + i];
      coarse_[row * half + i] =
          static_cast<uint8_t>((low + kCoarseZero) | (high + kCoarseZero) << 4);
    }
    if (itself > 0) {
      coarse_inverse_[row] = 1.0f / (static_cast<float>(itself) * inverse_[row]);
    }
  }
}

void Vectors::save(SectionWriter& out) const {
  out.put(uint64_t{dim_});
  out.put(last_);
  out.put(std::span<const int8_t>(codes_));
  out.put(std::span<const float>(inverse_));
  out.put(std::span<const float>(near_inverse_));
  out.put(std::span<const float>(wide_inverse_));
  out.put(std::span<const uint8_t>(coarse_));
  out.put(std::span<const float>(coarse_inverse_));
}

void Vectors::load(SectionReader& in, const Corpus& corpus) {
  dim_ = in.take_one<uint64_t>();
  last_ = in.take_one<TurnId>();
  codes_ = in.take<int8_t>();
  inverse_ = in.take<float>();
  near_inverse_ = in.take<float>();
  wide_inverse_ = in.take<float>();
  coarse_ = in.take<uint8_t>();
  coarse_inverse_ = in.take<float>();
  generation_ = corpus.generation();
  const size_t count = inverse_.size();
  in.require(count <= corpus.rows().size() && dim_ <= kDimMax && codes_.size() == count * dim_ &&
             near_inverse_.size() == count && wide_inverse_.size() == count &&
             coarse_inverse_.size() <= count &&
             coarse_.size() == coarse_inverse_.size() * (dim_ / 2) &&
             (coarse_.empty() || dim_ % kCoarseStep == 0));
}

void Vectors::add(int32_t row, std::span<const int8_t> vector) {
  if (vector.empty()) return;
  if (dim_ == 0) {
    dim_ = vector.size();
    codes_.resize(inverse_.size() * dim_);
  }
  if (vector.size() != dim_) return;  // damaged: as if there were none
  std::ranges::copy(vector, codes_.data() + static_cast<size_t>(row) * dim_);
  inverse_[static_cast<size_t>(row)] = inverse_length(vector);
}

void Vectors::settle(const Corpus& corpus, int32_t row) {
  // The turns at -3..3; -1 where the session ends or there is no vector.
  std::array<int32_t, 7> at;
  for (int offset = -3; offset <= 3; ++offset) {
    int32_t& place = at[static_cast<size_t>(offset + 3)];
    place = corpus.neighbour(row, offset);
    if (place >= 0 && inverse_[static_cast<size_t>(place)] == 0.0f) place = -1;
  }
  // The length of a sum is worked out of the cosines between its parts.
  float near = 0;
  float wide = 0;
  for (size_t a = 0; a < at.size(); ++a) {
    if (at[a] < 0) continue;
    const size_t far = a < 3 ? 3 - a : a - 3;
    near += kNear[far] * kNear[far];
    wide += kWide[far] * kWide[far];
    for (size_t b = 0; b < a; ++b) {
      if (at[b] < 0) continue;
      const size_t other = b < 3 ? 3 - b : b - 3;
      const float cosine = inverse_[static_cast<size_t>(at[a])] *
                           inverse_[static_cast<size_t>(at[b])] *
                           static_cast<float>(dot(codes(at[a]), codes(at[b]), dim_));
      near += 2 * kNear[far] * kNear[other] * cosine;
      wide += 2 * kWide[far] * kWide[other] * cosine;
    }
  }
  near_inverse_[static_cast<size_t>(row)] = near > 0 ? 1.0f / std::sqrt(near) : 0.0f;
  wide_inverse_[static_cast<size_t>(row)] = wide > 0 ? 1.0f / std::sqrt(wide) : 0.0f;
}

void Vectors::compare(const Corpus& corpus, std::span<const int8_t> question,
                      Similarity& found) const {
  const bool fits = !question.empty() && question.size() == dim_;
  const size_t count = fits ? inverse_.size() : 0;
  found.own.resize(count);
  found.near.resize(count);
  found.wide.resize(count);
  found.error = fits && is_coarse() ? kCoarseError : 0.0f;
  const float asked = inverse_length(question);
  in_parts(count, [&](size_t from, size_t to) {
    const std::span<float> out = std::span(found.own).subspan(from, to - from);
    if (is_coarse()) {
      coarse_dots({coarse_.data() + from * (dim_ / 2), coarse_inverse_.data() + from}, question,
                  asked, out);
    } else {
      dots({codes_.data() + from * dim_, inverse_.data() + from}, question, asked, out);
    }
  });
  std::mutex mutex;
  bool is_first = true;
  in_parts(count, [&](size_t from, size_t to) {
    std::array<Range, 3> ranges;
    for (size_t at = from; at < to; at += kBlock) {
      const size_t end = std::min(at + kBlock, to);
      add_means(corpus, {at, end}, found);
      const std::vector<float>* const all[] = {&found.own, &found.near, &found.wide};
      for (size_t i = 0; i < ranges.size(); ++i) {
        widen(range_of(std::span(*all[i]).subspan(at, end - at)), at == from, ranges[i]);
      }
    }
    const std::unique_lock lock(mutex);
    widen(ranges[0], is_first, found.own_range);
    widen(ranges[1], is_first, found.near_range);
    widen(ranges[2], is_first, found.wide_range);
    is_first = false;
  });
}

void Vectors::refine(const Corpus& corpus, std::span<const int8_t> question,
                     std::span<const int32_t> rows, Similarity& found) const {
  const float asked = inverse_length(question);
  std::vector<int32_t> around(rows.begin(), rows.end());
  for (const int32_t row : rows) {
    for (const int step : {-1, 1}) {
      int32_t at = row;
      for (int i = 0; i < 3 && at >= 0; ++i) {
        at = corpus.neighbour(at, step);
        if (at >= 0) around.push_back(at);
      }
    }
  }
  std::ranges::sort(around);
  around.erase(std::ranges::unique(around).begin(), around.end());
  for (const int32_t row : around) {
    const auto i = static_cast<size_t>(row);
    found.own[i] = asked * inverse_[i] *
                   static_cast<float>(dot(codes(row), question.data(), dim_));
  }
  for (const int32_t row : rows) add_mean(corpus, static_cast<size_t>(row), found);
}

void Vectors::add_means(const Corpus& corpus, std::pair<size_t, size_t> rows,
                        Similarity& found) const {
  constexpr size_t kEdge = 3;
  const std::span<const uint8_t> reach = corpus.reach();
  const size_t from = std::max(rows.first, kEdge);
  const size_t to = std::min(rows.second, std::max(found.own.size(), kEdge) - kEdge);
  if (from < to) {
    add_neighbours({found.own.data() + from, reach.data() + from},
                   {kNear, near_inverse_.data() + from, found.near.data() + from},
                   {kWide, wide_inverse_.data() + from, found.wide.data() + from}, to - from);
  }
  for (size_t i = rows.first; i < rows.second; ++i) {
    const bool is_done = i >= from && i < to && (reach[i] & Corpus::Reach::kElsewhere) == 0;
    if (!is_done) add_mean(corpus, i, found);
  }
}

void Vectors::add_mean(const Corpus& corpus, size_t row, Similarity& found) const {
  const float* const own = found.own.data();
  auto back = static_cast<int32_t>(row);
  auto forth = back;
  float near = own[row];
  float wide = near;
  for (size_t distance = 1; distance < kWide.size(); ++distance) {
    if (back >= 0) back = corpus.previous(back);
    if (forth >= 0) forth = corpus.next(forth);
    const float both = (back >= 0 ? own[back] : 0.0f) + (forth >= 0 ? own[forth] : 0.0f);
    near += kNear[distance] * both;
    wide += kWide[distance] * both;
  }
  found.near[row] = near * near_inverse_[row];
  found.wide[row] = wide * wide_inverse_[row];
}

}  // namespace corvid::memory
