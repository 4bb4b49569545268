#include "engine/layers/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

struct Scaling {
  double factor = 1;
  bool yarn = false;
};

Scaling read_scaling(const ModelReader& reader) {
  const GgufFile& file = reader.file();
  // Without a type a factor means linear scaling; older files call it scale_linear.
  const std::string type = file.string(reader.key("rope.scaling.type")).value_or("linear");
  if (type != "none" && type != "linear" && type != "yarn") {
    fail(Code::unsupported, file.path() + ": RoPE scaling '" + printable(type) +
                                "' (known: none, linear, yarn)");
  }
  Scaling scaling;
  if (type == "none") return scaling;
  scaling.factor = reader.real_or("rope.scaling.factor", reader.real_or("rope.scale_linear", 1));
  reader.require(scaling.factor >= 0, "impossible " + reader.key("rope.scaling.factor"));
  if (scaling.factor == 0) scaling.factor = 1;
  scaling.yarn = type == "yarn";
  return scaling;
}

// The pairs that turn often within the original context keep their frequency, those that turn less
// than once are stretched, and in between the two are mixed.
void apply_yarn(const ModelReader& reader, int64_t dims, double base, double factor, Rope& rope) {
  const double context = static_cast<double>(reader.count_or(
      "rope.scaling.original_context_length", reader.count_or("context_length", 0)));
  reader.require(context > 0, "no key " + reader.key("rope.scaling.original_context_length"));
  const auto pair_that_turns = [&](double times) {
    return static_cast<double>(dims) * std::log(context / (times * 2 * std::numbers::pi)) /
           (2 * std::log(base));
  };
  const double fast = reader.real_or("rope.scaling.yarn_beta_fast", 32);
  const double slow = reader.real_or("rope.scaling.yarn_beta_slow", 1);
  reader.require(fast > 0 && slow > 0, "impossible " + reader.key("rope.scaling.yarn_beta"));
  const double low = std::max(0.0, std::floor(pair_that_turns(fast)));
  const double high =
      std::min(static_cast<double>(dims - 1), std::ceil(pair_that_turns(slow)));
  double mix_factor = reader.real_or("rope.scaling.yarn_ext_factor", 1);
  if (mix_factor < 0) mix_factor = 1;
  for (size_t i = 0; i < rope.frequencies.size(); ++i) {
    const double ramp = (static_cast<double>(i) - low) / std::max(0.001, high - low);
    const double kept = (1 - std::clamp(ramp, 0.0, 1.0)) * mix_factor;
    rope.frequencies[i] *= (1 - kept) / factor + kept;
  }
  if (mix_factor != 0) rope.magnitude *= static_cast<float>(1 + 0.1 * std::log(factor));
}

}  // namespace

Rope make_rope(const ModelReader& reader, int64_t dims, double base,
               std::span<const float> factors) {
  reader.require(dims % 2 == 0, "impossible " + reader.key("rope.dimension_count"));
  reader.require(base > 0, "impossible " + reader.key("rope.freq_base"));
  Rope rope;
  const auto pairs = static_cast<size_t>(dims / 2);
  reader.require(factors.empty() || factors.size() >= pairs, "too few values in rope_freqs.weight");
  rope.magnitude = static_cast<float>(reader.real_or("rope.scaling.attn_factor", 1));
  for (size_t i = 0; i < pairs; ++i) {
    const double turn =
        std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
    rope.frequencies.push_back(factors.empty() ? turn : turn / factors[i]);
    reader.require(std::isfinite(rope.frequencies.back()), "impossible rope_freqs.weight");
  }
  const Scaling scaling = read_scaling(reader);
  if (scaling.yarn) {
    apply_yarn(reader, dims, base, scaling.factor, rope);
  } else if (scaling.factor != 1) {
    for (double& frequency : rope.frequencies) frequency /= scaling.factor;
  }
  return rope;
}

}  // namespace corvid::engine
