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

std::string names_of(int features, int kinds) {
  std::string out;
  for (int i = 0; i < features; ++i) out.append(feature_name(i)).append("\n");
  for (int i = 0; i < kinds; ++i) out.append(kind_name(static_cast<Kind>(i))).append("\n");
  return out;
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

// Of unit `h` and feature `i` in Weights::hidden.
size_t hidden_place(int h, int i) {
  constexpr int kBlock = Weights::kBlock;
  return static_cast<size_t>((h / kBlock * kFeatureCount + i) * kBlock + h % kBlock);
}

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
  for (size_t first = 0; first < width; first += kBlock) {
    const size_t count = std::min<size_t>(kBlock, width - first);
    float z[kBlock] = {};
    for (size_t k = 0; k < count; ++k) {
      z[k] = hidden_bias[first + k] + hidden_kind[static_cast<size_t>(kind) * width + first + k];
    }
    const float* row = &hidden[first * kFeatureCount];
    for (size_t i = 0; i < kFeatureCount; ++i, row += kBlock) {
      for (size_t k = 0; k < kBlock; ++k) z[k] += row[k] * x[i];
    }
    for (size_t k = 0; k < count; ++k) sum += out[first + k] * std::tanh(z[k]);
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
  const std::string names = names_of(kFeatureCount, kKindCount);
  std::string out;
  for (const int n : {kFeatureCount, kKindCount, w.hidden_count, static_cast<int>(names.size())}) {
    put(out, static_cast<uint32_t>(n));
  }
  out += names;
  const auto put_all = [&](std::initializer_list<const std::vector<float>*> parts) {
    for (const std::vector<float>* part : parts) {
      for (const float value : *part) put(out, value);
    }
  };
  put_all({&w.mean, &w.scale, &w.linear, &w.bias});
  for (int h = 0; h < w.hidden_count; ++h) {
    for (int i = 0; i < kFeatureCount; ++i) put(out, w.hidden[hidden_place(h, i)]);
  }
  put_all({&w.hidden_kind, &w.hidden_bias, &w.out});
  return out;
}

Weights unpack_weights(std::string_view bytes, const std::string& what) {
  Reader in{bytes, what};
  const auto features = in.number<uint32_t>(), kinds = in.number<uint32_t>();
  const auto hidden = in.number<uint32_t>(), names = in.number<uint32_t>();
  const std::string found = in.text(names);
  // Features that came later weigh nothing. Kinds that came later are of other languages; no
  // candidate that these weights score has one.
  const bool is_known =
      features <= kFeatureCount && kinds <= kKindCount &&
      found == names_of(static_cast<int>(features), static_cast<int>(kinds));
  if (!is_known) fail(Code::corrupt, what + ": weights are for other features or kinds");
  if (hidden > kHiddenMax) fail(Code::corrupt, what + ": too many hidden units");
  Weights w;
  const int width = w.hidden_count = static_cast<int>(hidden);
  const int known = static_cast<int>(features);
  w.mean = in.floats(known);
  w.scale = in.floats(known);
  w.linear = in.floats(known);
  w.bias = in.floats(static_cast<int>(kinds));
  constexpr int kBlock = Weights::kBlock;
  w.hidden.assign(static_cast<size_t>((width + kBlock - 1) / kBlock * kBlock) * kFeatureCount, 0);
  for (int h = 0; h < width; ++h) {
    const std::vector<float> row = in.floats(known);
    for (int i = 0; i < known; ++i) w.hidden[hidden_place(h, i)] = row[static_cast<size_t>(i)];
  }
  w.hidden_kind = in.floats(width * static_cast<int>(kinds));
  w.hidden_bias = in.floats(width);
  w.out = in.floats(width);
  if (!in.bytes.empty()) fail(Code::corrupt, what + ": bytes after the weights");
  for (std::vector<float>* part : {&w.mean, &w.scale, &w.linear}) part->resize(kFeatureCount);
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
