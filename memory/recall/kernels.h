#pragma once

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
size_t count_zeros(std::span<const float> values);

int32_t dot(const int8_t* a, const int8_t* b, size_t count);

// out[i] = factor * inverse[i] * (row i of `rows` times `question`), for out.size() rows.
struct Rows {
  const int8_t* codes = nullptr;  // question.size() for each row
  const float* inverse = nullptr;
};
void dots(const Rows& rows, std::span<const int8_t> question, float factor, std::span<float> out);

// score[i] += weight * count[i] * up / (count[i] + plain + each * length[i])
struct Saturation {
  float up = 0, plain = 0, each = 0;
  float operator()(float count, float length) const {
    return count * up / (count + plain + each * length);
  }
};
void add_saturated(const Saturation& saturation, float weight, const float* count,
                   const float* length, std::span<float> score);

// out[i] += amount where count[i] is not below `least`
void add_where(const float* count, float least, float amount, std::span<float> out);

}  // namespace corvid::memory
