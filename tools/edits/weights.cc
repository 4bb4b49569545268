#include "tools/edits/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::tools::edits {

namespace {

constexpr std::string_view kMagic = "CORVTAB1";
constexpr int kHiddenMax = 256;
constexpr float kClamp = 6;

std::string names_of(int count, std::string_view (*name)(int)) {
  std::string out;
  for (int i = 0; i < count; ++i) out.append(name(i)).append("\n");
  return out;
}

std::string all_names() {
  return names_of(kFeatureCount, feature_name) +
         names_of(kKindCount, [](int i) { return kind_name(static_cast<Kind>(i)); });
}

struct Reader {
  std::string_view bytes;
  const std::string& what;

  template <typename T>
  T number() {
    T value;
    if (bytes.size() < sizeof(T)) fail(Code::corrupt, what + ": weights are cut off");
    std::memcpy(&value, bytes.data(), sizeof(T));
    bytes.remove_prefix(sizeof(T));
    return value;
  }
  std::string text(size_t size) {
    if (bytes.size() < size) fail(Code::corrupt, what + ": weights are cut off");
    std::string out(bytes.substr(0, size));
    bytes.remove_prefix(size);
    return out;
  }
  std::vector<float> floats(int count) {
    std::vector<float> out;
    for (int i = 0; i < count; ++i) {
      out.push_back(number<float>());
      if (!std::isfinite(out.back())) fail(Code::corrupt, what + ": a weight is no number");
    }
    return out;
  }
};

template <typename T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

}  // namespace

float Weights::score(const float* features, Kind kind) const {
  float x[kFeatureCount];
  float sum = bias[static_cast<size_t>(kind)];
  for (size_t i = 0; i < kFeatureCount; ++i) {
    x[i] = std::clamp((features[i] - mean[i]) * scale[i], -kClamp, kClamp);
    sum += linear[i] * x[i];
  }
  const size_t width = static_cast<size_t>(hidden_count);
  for (size_t h = 0; h < width; ++h) {
    const float* row = &hidden[h * kFeatureCount];
    float z = hidden_bias[h] + hidden_kind[static_cast<size_t>(kind) * width + h];
    for (size_t i = 0; i < kFeatureCount; ++i) z += row[i] * x[i];
    sum += out[h] * std::tanh(z);
  }
  return sum;
}

Weights plain_weights() {
  Weights w;
  w.mean.assign(kFeatureCount, 0);
  w.scale.assign(kFeatureCount, 1);
  w.linear.assign(kFeatureCount, 0);
  w.bias.assign(kKindCount, 0);
  w.scale[static_cast<size_t>(Feature::lr_mix_mean)] = 4;
  w.linear[static_cast<size_t>(Feature::lr_mix_mean)] = 1;
  return w;
}

std::string pack_weights(const Weights& w) {
  const std::string names = all_names();
  std::string out;
  for (const int n : {kFeatureCount, kKindCount, w.hidden_count, static_cast<int>(names.size())}) {
    put(out, static_cast<uint32_t>(n));
  }
  out += names;
  for (const auto* part :
       {&w.mean, &w.scale, &w.linear, &w.bias, &w.hidden, &w.hidden_kind, &w.hidden_bias, &w.out}) {
    for (const float value : *part) put(out, value);
  }
  return out;
}

Weights unpack_weights(std::string_view bytes, const std::string& what) {
  Reader in{bytes, what};
  const auto features = in.number<uint32_t>(), kinds = in.number<uint32_t>();
  const auto hidden = in.number<uint32_t>(), names = in.number<uint32_t>();
  const std::string expected = all_names();
  const std::string found = in.text(names);
  // Kinds that came later are of other languages; no candidate that these weights score has one.
  if (features != kFeatureCount || kinds > kKindCount || !expected.starts_with(found) ||
      std::count(found.begin(), found.end(), '\n') != static_cast<long>(features + kinds)) {
    fail(Code::corrupt, what + ": weights are for other features or kinds");
  }
  if (hidden > kHiddenMax) fail(Code::corrupt, what + ": too many hidden units");
  Weights w;
  const int width = w.hidden_count = static_cast<int>(hidden);
  w.mean = in.floats(kFeatureCount);
  w.scale = in.floats(kFeatureCount);
  w.linear = in.floats(kFeatureCount);
  w.bias = in.floats(static_cast<int>(kinds));
  w.hidden = in.floats(width * kFeatureCount);
  w.hidden_kind = in.floats(width * static_cast<int>(kinds));
  w.hidden_bias = in.floats(width);
  w.out = in.floats(width);
  if (!in.bytes.empty()) fail(Code::corrupt, what + ": bytes after the weights");
  w.bias.resize(kKindCount);
  w.hidden_kind.resize(static_cast<size_t>(width) * kKindCount);
  return w;
}

std::string pack_tables(const TableFile& file) {
  std::string out(kMagic);
  put(out, static_cast<uint64_t>(file.ngrams.size()));
  put(out, static_cast<uint64_t>(file.weights.size()));
  put(out, fnv1a(file.ngrams));
  put(out, fnv1a(file.weights));
  return out + file.ngrams + file.weights;
}

TableFile unpack_tables(std::string_view bytes, const std::string& what) {
  if (!bytes.starts_with(kMagic)) fail(Code::corrupt, what + ": not a table file");
  Reader in{bytes.substr(kMagic.size()), what};
  const auto ngrams = in.number<uint64_t>(), weights = in.number<uint64_t>();
  const auto ngrams_sum = in.number<uint64_t>(), weights_sum = in.number<uint64_t>();
  if (ngrams > in.bytes.size() || weights != in.bytes.size() - ngrams) {
    fail(Code::corrupt, what + ": sizes of the sections");
  }
  TableFile file{std::string(in.bytes.substr(0, ngrams)), std::string(in.bytes.substr(ngrams))};
  if (fnv1a(file.ngrams) != ngrams_sum) fail(Code::corrupt, what + ": checksum of the n-grams");
  if (fnv1a(file.weights) != weights_sum) fail(Code::corrupt, what + ": checksum of the weights");
  return file;
}

}  // namespace corvid::tools::edits
