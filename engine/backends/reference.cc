// Plain loops with sums in double: what every other backend is compared with.

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/backends/common/dequantize.h"
#include "engine/backends/common/plain_ops.h"
#include "engine/backends/common/weight_groups.h"
#include "engine/backends/ops.h"

namespace corvid::engine {
namespace {

double apply(Activation kind, double x) {
  switch (kind) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::softplus: return x > 20 ? x : std::log1p(std::exp(x));
    case Activation::relu_squared: return x > 0 ? x * x : 0;
  }
  return 0;
}

double dot(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

void attend(const AttentionArgs& args, int64_t row, int64_t head) {
  const int64_t own = args.first_position + row;
  const int64_t position = args.causal ? own : args.first_position + args.rows - 1;
  const bool cut = args.causal && args.window > 0;
  const int64_t first = cut ? std::max<int64_t>(0, position - args.window + 1) : 0;
  const int64_t kv_head = head / (args.heads / args.kv_heads);
  const float* q = args.q + (row * args.heads + head) * args.key_dim;
  const TypeInfo& type = type_info(args.kv_type);
  std::vector<float> kept(static_cast<size_t>(std::max(args.key_dim, args.value_dim)));
  // The `width` values of position t, at `offset` in its page.
  const auto read = [&](int64_t t, int64_t offset, int64_t width) {
    const int64_t at = (t % args.page_tokens * args.kv_heads + kv_head) * width;
    dequantize_row(args.kv_type,
                   args.pages[static_cast<size_t>(t / args.page_tokens)] + offset +
                       at / type.block_elements * type.block_bytes,
                   width, kept.data());
  };
  std::vector<double> weights;
  for (int64_t t = first; t <= position; ++t) {
    read(t, args.key_offset, args.key_dim);
    weights.push_back(dot(q, kept.data(), args.key_dim) * args.scale);
  }
  const double largest = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - largest);
  std::vector<double> sum(static_cast<size_t>(args.value_dim));
  for (int64_t t = first; t <= position; ++t) {
    read(t, args.value_offset, args.value_dim);
    const double weight = weights[static_cast<size_t>(t - first)] / total;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += weight * kept[i];
  }
  std::copy(sum.begin(), sum.end(), args.y + (row * args.heads + head) * args.value_dim);
}

void delta_token(const DeltaArgs& args, int64_t row, int64_t value_head) {
  const int64_t head = value_head / (args.value_heads / args.heads);
  const int64_t key_at = (row * args.heads + head) * args.key_dim;
  const int64_t value_at = (row * args.value_heads + value_head) * args.value_dim;
  float* state = args.state + value_head * args.key_dim * args.value_dim;
  for (int64_t j = 0; j < args.value_dim; ++j) {
    double read = 0;
    for (int64_t i = 0; i < args.key_dim; ++i) {
      float& s = state[i * args.value_dim + j];
      s = static_cast<float>(s * std::exp(static_cast<double>(args.g[key_at + i])));
      read += static_cast<double>(s) * args.b[key_at + i] * args.k[key_at + i];
    }
    const double delta = static_cast<double>(args.w[value_at + j]) * args.v[value_at + j] - read;
    double out = 0;
    for (int64_t i = 0; i < args.key_dim; ++i) {
      float& s = state[i * args.value_dim + j];
      s = static_cast<float>(s + args.k[key_at + i] * delta);
      out += static_cast<double>(s) * args.q[key_at + i];
    }
    args.o[value_at + j] = static_cast<float>(out);
  }
}

void ssd_token(const SsdArgs& args, int64_t row, int64_t head) {
  const int64_t group = head / (args.heads / args.groups);
  const float* B = args.B + row * args.stride + group * args.state_dim;
  const float* C = args.C + row * args.stride + group * args.state_dim;
  const double dt = args.dt[row * args.heads + head];
  const double decay = std::exp(dt * args.a[head]);
  for (int64_t p = 0; p < args.head_dim; ++p) {
    const double x = args.x[row * args.stride + head * args.head_dim + p];
    float* state = args.state + (head * args.head_dim + p) * args.state_dim;
    for (int64_t n = 0; n < args.state_dim; ++n) {
      state[n] = static_cast<float>(state[n] * decay + dt * x * B[n]);
    }
    args.y[(row * args.heads + head) * args.head_dim + p] =
        static_cast<float>(dot(state, C, args.state_dim) + args.d[head] * x);
  }
}

class ReferenceOps final : public Ops {
 public:
  std::string description() const override { return "reference"; }

  explicit ReferenceOps(bool int8_activations) : int8_activations_(int8_activations) {}

  void matmuls(std::span<const Product> products) override {
    for (const Product& product : products) multiply(product);
  }

  void mix(const MixArgs& args) override {
    for (int64_t r = 0; r < args.rows; ++r) {
      for (int64_t i = 0; i < args.width; ++i) {
        double sum = 0;
        for (int64_t j = r * args.count; j < (r + 1) * args.count; ++j) {
          sum += static_cast<double>(args.weights[j]) * args.x[args.ids[j] * args.width + i];
        }
        args.y[r * args.width + i] = static_cast<float>(sum);
      }
    }
  }

  void gather(const Matrix& w, std::span<const int32_t> ids, float* y) override {
    plain_gather(w, ids, y);
  }

  void norm(const NormArgs& args) override {
    for (int64_t r = 0; r < args.rows; ++r) {
      const float* x = args.x + r * args.width;
      const double sum = dot(x, x, args.width);
      const double mean = args.l2 ? sum : sum / static_cast<double>(args.width);
      const double factor = args.scale / std::sqrt(mean + args.eps);
      for (int64_t i = 0; i < args.width; ++i) {
        const double weight =
            args.weight == nullptr ? 1 : args.weight[r % args.weight_rows * args.width + i];
        args.y[r * args.width + i] = static_cast<float>(x[i] * factor * weight);
      }
    }
  }

  void rope(const RopeArgs& args) override { plain_rope(args); }

  void add(const float* x, float* y, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) y[i] += x[i];
  }

  void activate(Activation kind, float* x, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(apply(kind, x[i]));
  }

  void gate(Activation kind, const float* gate, float* x, int64_t count) override {
    for (int64_t i = 0; i < count; ++i) x[i] = static_cast<float>(x[i] * apply(kind, gate[i]));
  }

  void affine(const float* scale, const float* bias, float* x, int64_t rows,
              int64_t width) override {
    for (int64_t i = 0; i < rows * width; ++i) {
      x[i] = x[i] * (scale == nullptr ? 1 : scale[i % width]) +
             (bias == nullptr ? 0 : bias[i % width]);
    }
  }

  void attention(const AttentionArgs& args) override {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t head = 0; head < args.heads; ++head) attend(args, row, head);
    }
  }

  void conv(const ConvArgs& args) override {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t c = 0; c < args.channels; ++c) {
        double sum = args.bias == nullptr ? 0 : args.bias[c];
        for (int64_t tap = 0; tap + 1 < args.taps; ++tap) {
          sum += static_cast<double>(args.weight[tap * args.channels + c]) *
                 args.state[tap * args.channels + c];
        }
        const float now = args.x[row * args.x_stride + c];
        sum += static_cast<double>(args.weight[(args.taps - 1) * args.channels + c]) * now;
        args.y[row * args.channels + c] =
            static_cast<float>(args.silu ? apply(Activation::silu, sum) : sum);
        for (int64_t tap = 0; tap + 2 < args.taps; ++tap) {
          args.state[tap * args.channels + c] = args.state[(tap + 1) * args.channels + c];
        }
        if (args.taps > 1) args.state[(args.taps - 2) * args.channels + c] = now;
      }
    }
  }

  void delta(const DeltaArgs& args) override {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t head = 0; head < args.value_heads; ++head) delta_token(args, row, head);
    }
  }

  void ssd(const SsdArgs& args) override {
    for (int64_t row = 0; row < args.rows; ++row) {
      for (int64_t head = 0; head < args.heads; ++head) ssd_token(args, row, head);
    }
  }

 private:
  void multiply(const Product& product) const {
    const Matrix& w = *product.w;
    std::vector<float> x;
    for (int64_t r = 0; r < product.rows; ++r) {
      const int64_t from = product.from.empty() ? r : product.from[static_cast<size_t>(r)];
      x.insert(x.end(), product.x + from * w.in, product.x + (from + 1) * w.in);
    }
    if (int8_activations_ && find_unpack(w.type) != nullptr) {
      RoundedBuffer buffer;
      buffer.reserve(product.rows * w.in);
      buffer.round(x.data(), product.rows * w.in, 0);
      const RoundedRows rounded = buffer.at(0, w.in);
      for (int64_t i = 0; i < product.rows * w.in; ++i) {
        x[static_cast<size_t>(i)] = rounded.d[i / kGroup] * rounded.q[i];
      }
    }
    std::vector<float> row(static_cast<size_t>(w.in));
    for (int64_t o = 0; o < w.out; ++o) {
      dequantize_row(w.type, w.data + o * w.row_bytes(), w.in, row.data());
      for (int64_t r = 0; r < product.rows; ++r) {
        product.y[r * w.out + o] = static_cast<float>(dot(row.data(), x.data() + r * w.in, w.in));
      }
    }
  }

  bool int8_activations_;
};

}  // namespace

std::unique_ptr<Ops> make_reference(const OpsOptions& options) {
  return std::make_unique<ReferenceOps>(options.int8_activations);
}

}  // namespace corvid::engine
