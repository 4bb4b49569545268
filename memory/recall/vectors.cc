#include "memory/recall/vectors.h"

#include <algorithm>
#include <cmath>

namespace corvid::memory {
namespace {

constexpr size_t kLane = 16;
constexpr std::array<float, 4> kNear = {1.0f, 0.5f, 0.0f, 0.0f};  // by distance
constexpr std::array<float, 4> kWide = {1.0f, 0.5f, 0.25f, 0.15f};

int32_t dot(const int8_t* a, const int8_t* b, size_t count) {
  int32_t sum = 0;
  size_t i = 0;
  for (; i + kLane <= count; i += kLane) {
    int32_t part = 0;
    for (size_t k = 0; k < kLane; ++k) {
      part += static_cast<int16_t>(a[i + k]) * static_cast<int16_t>(b[i + k]);
    }
    sum += part;
  }
  for (; i < count; ++i) sum += static_cast<int16_t>(a[i]) * static_cast<int16_t>(b[i]);
  return sum;
}

float inverse_length(std::span<const int8_t> v) {
  const int32_t square = dot(v.data(), v.data(), v.size());
  return square > 0 ? 1.0f / std::sqrt(static_cast<float>(square)) : 0.0f;
}

}  // namespace

std::span<const int8_t> Vectors::codes(int32_t row) const {
  return std::span(codes_).subspan(static_cast<size_t>(row) * dim_, dim_);
}

void Vectors::refresh(const Store& store, const Corpus& corpus, const std::string& embedder) {
  if (corpus.generation() != generation_ || corpus.rows().size() < inverse_.size()) {
    codes_.clear();
    inverse_.clear();
    before_.clear();
    near_inverse_.clear();
    wide_inverse_.clear();
    dim_ = 0;
    last_ = 0;
    generation_ = corpus.generation();
  }
  const auto rows = corpus.rows();
  const auto first = static_cast<int32_t>(inverse_.size());
  inverse_.resize(rows.size(), 0.0f);
  before_.resize(rows.size());
  codes_.resize(rows.size() * dim_, 0);
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
  for (auto row = first; row < count; ++row) tie(corpus, row);
  for (auto row = first; row < count; ++row) {
    settle(corpus, row);
    for (int offset = 1; offset <= 3; ++offset) {
      const int32_t older = corpus.neighbour(row, -offset);
      if (older >= 0 && older < first) settle(corpus, older);  // has got a new neighbour
    }
  }
}

void Vectors::add(int32_t row, std::span<const int8_t> vector) {
  if (vector.empty()) return;
  if (dim_ == 0) {
    dim_ = vector.size();
    codes_.resize(inverse_.size() * dim_, 0);
  }
  if (vector.size() != dim_) return;  // damaged: as if there were none
  std::ranges::copy(vector, codes_.begin() +
                                static_cast<std::ptrdiff_t>(static_cast<size_t>(row) * dim_));
  inverse_[static_cast<size_t>(row)] = inverse_length(vector);
}

void Vectors::tie(const Corpus& corpus, int32_t row) {
  std::array<float, kReach>& ties = before_[static_cast<size_t>(row)];
  ties.fill(0.0f);
  const float own = inverse_[static_cast<size_t>(row)];
  int32_t near = row;
  for (float& cosine : ties) {
    near = corpus.rows()[static_cast<size_t>(near)].previous;
    if (near < 0) return;
    const float other = inverse_[static_cast<size_t>(near)];
    if (own == 0.0f || other == 0.0f) continue;
    cosine = own * other * static_cast<float>(dot(codes(row).data(), codes(near).data(), dim_));
  }
}

void Vectors::settle(const Corpus& corpus, int32_t row) {
  // The turns at -3..3; -1 where the session ends or there is no vector.
  std::array<int32_t, 7> at;
  for (int offset = -3; offset <= 3; ++offset) {
    int32_t& place = at[static_cast<size_t>(offset + 3)];
    place = corpus.neighbour(row, offset);
    if (place >= 0 && inverse_[static_cast<size_t>(place)] == 0.0f) place = -1;
  }
  const auto inverse = [&](const std::array<float, 4>& weights) {
    float square = 0;
    for (size_t a = 0; a < at.size(); ++a) {
      if (at[a] < 0) continue;
      const float weight = weights[a < 3 ? 3 - a : a - 3];
      square += weight * weight;
      for (size_t b = 0; b < a; ++b) {
        if (at[b] < 0) continue;
        square += 2 * weight * weights[b < 3 ? 3 - b : b - 3] *
                  before_[static_cast<size_t>(at[a])][a - b - 1];
      }
    }
    return square > 0 ? 1.0f / std::sqrt(square) : 0.0f;
  };
  near_inverse_[static_cast<size_t>(row)] = inverse(kNear);
  wide_inverse_[static_cast<size_t>(row)] = inverse(kWide);
}

Similarity Vectors::compare(const Corpus& corpus, std::span<const int8_t> question) const {
  Similarity similarity;
  if (question.empty() || question.size() != dim_) return similarity;
  const size_t count = inverse_.size();
  const float asked = inverse_length(question);
  similarity.own.resize(count);
  for (size_t i = 0; i < count; ++i) {
    similarity.own[i] = asked * inverse_[i] *
                        static_cast<float>(dot(codes_.data() + i * dim_, question.data(), dim_));
  }
  similarity.near.resize(count);
  similarity.wide.resize(count);
  for (size_t i = 0; i < count; ++i) {
    float near = similarity.own[i];
    float wide = near;
    int32_t back = static_cast<int32_t>(i);
    int32_t forth = back;
    for (size_t distance = 1; distance <= 3; ++distance) {
      float both = 0;
      back = corpus.neighbour(back, -1);
      forth = corpus.neighbour(forth, 1);
      if (back >= 0) both += similarity.own[static_cast<size_t>(back)];
      if (forth >= 0) both += similarity.own[static_cast<size_t>(forth)];
      near += kNear[distance] * both;
      wide += kWide[distance] * both;
    }
    similarity.near[i] = near * near_inverse_[i];
    similarity.wide[i] = wide * wide_inverse_[i];
  }
  return similarity;
}

}  // namespace corvid::memory
