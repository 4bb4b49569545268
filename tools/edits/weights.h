#pragma once
// The fitted part: a linear term and one hidden layer over standardised features and the kind.

#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/features.h"

namespace corvid::tools::edits {

// score = linear . x + bias[kind] + out . tanh(hidden x + hidden_kind[kind] + hidden_bias), where
// x = clamp((feature - mean) * scale, -6, 6).
struct Weights {
  int hidden_count = 0;
  std::vector<float> mean, scale, linear;  // (kFeatureCount)
  std::vector<float> bias;                 // (kKindCount)
  // (ceil(hidden_count / kBlock), kFeatureCount, kBlock), so that units are summed side by side;
  // in the file (hidden_count, kFeatureCount).
  static constexpr int kBlock = 8;
  std::vector<float> hidden;
  std::vector<float> hidden_kind;          // (kKindCount, hidden_count)
  std::vector<float> hidden_bias, out;     // (hidden_count)

  float score(const float* features, Kind kind) const;
};

// Weights that order by the likelihood ratio alone.
Weights plain_weights();

std::string pack_weights(const Weights& weights);
// Throws corrupt naming `what`, also where the features or kinds are not this program's.
Weights unpack_weights(std::string_view bytes, const std::string& what);

// The data file: "CORVTAB1", two section sizes, two checksums (fnv1a), the n-grams, the weights.
struct TableFile {
  std::string ngrams;
  std::string weights;  // may be empty before they are fitted
};
std::string pack_tables(const TableFile& file);
TableFile unpack_tables(std::string_view bytes, const std::string& what);

}  // namespace corvid::tools::edits
