#pragma once

#include <cstddef>

extern "C" {
// out[i] = mean of the `width` values that end at i; fewer at the beginning. `out` holds count.
void moving_mean(const double* values, size_t count, size_t width, double* out);
// The same with the median.
void moving_median(const double* values, size_t count, size_t width, double* out);
// Indices of values that are above `floor` and above both neighbours; returns how many.
size_t peaks(const double* values, size_t count, double floor, size_t* out);
}
