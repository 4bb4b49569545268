#include "engine/layers/short_conv.h"

#include <algorithm>

#include "engine/layers/recurrence.h"

namespace corvid::engine {
namespace {

int64_t tap_count(const ModelReader& reader, const std::string& tensor) {
  const char* key = "ssm.conv_kernel";
  if (!reader.file().has(reader.key(key)) && reader.has(tensor)) return reader.dimension(tensor, 0);
  return reader.count_or(key, 0);
}

}  // namespace

ShortConv::ShortConv(const ModelReader& reader, const std::string& name, int64_t channels,
                     MemorySpec& memory, bool silu)
    : taps_(tap_count(reader, name + ".weight")), channels_(channels), silu_(silu) {
  if (taps_ == 0) return;
  const std::vector<float> stored = reader.values(name + ".weight", {taps_, channels});
  weight_.resize(stored.size());
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t tap = 0; tap < taps_; ++tap) {
      weight_[static_cast<size_t>(tap * channels + c)] =
          stored[static_cast<size_t>(c * taps_ + tap)];
    }
  }
  if (reader.has(name + ".bias")) bias_ = reader.values(name + ".bias", {channels});
  state_offset_ = memory.add_state((taps_ - 1) * channels);
}

void ShortConv::run(Ops& ops, const Batch& batch, const float* x, int64_t x_stride,
                    float* y) const {
  if (taps_ == 0) {
    for (int64_t row = 0; row < batch.rows(); ++row) {
      std::copy_n(x + row * x_stride, channels_, y + row * channels_);
    }
    if (silu_) ops.activate(Activation::silu, y, batch.rows() * channels_);
    return;
  }
  for (const BatchItem& item : batch.items) {
    ConvArgs args;
    args.x = x + item.row * x_stride;
    args.x_stride = x_stride;
    args.y = y + item.row * channels_;
    args.channels = channels_;
    args.taps = taps_;
    args.silu = silu_;
    args.weight = weight_.data();
    args.bias = bias_.empty() ? nullptr : bias_.data();
    run_conv(ops, item, state_offset_, args);
  }
}

}  // namespace corvid::engine
