#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace corvid::memory {

// Plain loops over all turns, which the compiler turns into the widest instructions of the
// processor that they run on.

struct Range {
  float low = 0;
  float high = 0;
};

// Smallest and largest of values without NaN; 0, 0 for none.
Range range_of(std::span<const float> values);
size_t count_zeros(std::span<const uint16_t> values);

int32_t dot(const int8_t* a, const int8_t* b, size_t count);

// out[i] = factor * inverse[i] * (row i of `rows` times `question`), for out.size() rows.
struct Rows {
  const int8_t* codes = nullptr;  // question.size() for each row
  const float* inverse = nullptr;
};
void dots(const Rows& rows, std::span<const int8_t> question, float factor, std::span<float> out);

// The same with four bits for each number of a row, whose memory takes half the time to read.
// question.size() is a multiple of kCoarseStep; byte j of a row holds number j in its lower half,
// number j + question.size() / 2 in its upper half, each plus kCoarseZero.
inline constexpr size_t kCoarseStep = 64;
inline constexpr int kCoarseZero = 8;
struct CoarseRows {
  const uint8_t* codes = nullptr;  // question.size() / 2 for each row
  const float* inverse = nullptr;
};
void coarse_dots(const CoarseRows& rows, std::span<const int8_t> question, float factor,
                 std::span<float> out);

// score[i] += weight * c * up / (c + plain + each * length[i]), where c = unit * count[i]
struct Saturation {
  float up = 0, plain = 0, each = 0;
  float operator()(float count, float length) const {
    return count * up / (count + plain + each * length);
  }
};
struct Weight {
  float weight = 0, unit = 1;
};
void add_saturated(const Saturation& saturation, const Weight& weight, const uint16_t* count,
                   const float* length, std::span<float> score);

// out[i] += amount where count[i] is not below `least`
void add_where(const uint16_t* count, uint16_t least, float amount, std::span<float> out);

// Of values in a row, sums with those of neighbours: out[i] = inverse[i] * (value[i] + the sum over
// d of weight[d] * (value[i - d] + value[i + d])), as far as reach[i] (Corpus::Reach) goes. Three
// values before and behind are read, too.
struct Neighbours {
  const float* value = nullptr;
  const uint8_t* reach = nullptr;
};
using ByDistance = std::array<float, 4>;  // [0] is 1
struct Mean {
  ByDistance weight{};
  const float* inverse = nullptr;
  float* out = nullptr;
};
void add_neighbours(const Neighbours& around, const Mean& near, const Mean& wide, size_t count);

// out[i] = the sum over `terms` of factor * value[from + i]
struct Term {
  const float* value = nullptr;
  float factor = 0;
};
void sum_terms(std::span<const Term> terms, size_t from, std::span<float> out);

}  // namespace corvid::memory
