#include "filters.h"

#include <algorithm>
#include <vector>

void moving_mean(const double* values, size_t count, size_t width, double* out) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += values[i];
    if (i >= width) sum -= values[i - width];
    out[i] = sum / static_cast<double>(std::min(i + 1, width));
  }
}

void moving_median(const double* values, size_t count, size_t width, double* out) {
  std::vector<double> window;
  for (size_t i = 0; i < count; ++i) {
    const size_t first = i + 1 > width ? i + 1 - width : 0;
    window.assign(values + first, values + i + 1);
    std::sort(window.begin(), window.end());
    const size_t middle = window.size() / 2;
    out[i] = window.size() % 2 == 1 ? window[middle] : (window[middle - 1] + window[middle]) / 2;
  }
}

size_t peaks(const double* values, size_t count, double floor, size_t* out) {
  size_t found = 0;
  for (size_t i = 1; i + 1 < count; ++i) {
    if (values[i] > floor && values[i] > values[i - 1] && values[i] > values[i + 1]) {
      out[found++] = i;
    }
  }
  return found;
}
