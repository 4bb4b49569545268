#pragma once
// All kernels over a vector class V, and their table. Included by one .cc per instruction set.

#include "engine/backends/common/dequantize.h"
#include "engine/backends/cpu/attention_impl.h"
#include "engine/backends/cpu/delta_impl.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"
#include "engine/backends/cpu/ssd_impl.h"

namespace corvid::engine {

template <class V>
struct KernelsImpl {
  static void matmul(const MatmulArgs& args, int64_t begin, int64_t end, float* scratch) {
    switch (args.w.type) {
      case TensorType::f16: return matmul_as<Row16<V, V::from_f16>>(args, begin, end);
      case TensorType::bf16: return matmul_as<Row16<V, V::from_bf16>>(args, begin, end);
      case TensorType::q8_0: return matmul_as<RowQ8<V>>(args, begin, end);
      case TensorType::f32: return matmul_as<RowF32<V>>(args, begin, end);
      default: return matmul_decoded(args, begin, end, scratch);
    }
  }

  // kColumns rows of the weights at a time as floats.
  static void matmul_decoded(const MatmulArgs& args, int64_t begin, int64_t end, float* scratch) {
    const Matrix& w = args.w;
    const auto* bytes = reinterpret_cast<const std::byte*>(scratch);
    for (int64_t o = begin; o < end; o += kColumns) {
      const int64_t count = end - o < kColumns ? end - o : kColumns;
      for (int64_t i = 0; i < count; ++i) {
        dequantize_row(w.type, w.data + (o + i) * w.row_bytes(), w.in, scratch + i * w.in);
      }
      multiply_packed<V, RowF32<V>>({bytes, w.in * 4, count}, {args.x, w.in}, args.rows, w.in,
                                    {args.y + o, w.out});
    }
  }

  template <class W>
  static void matmul_as(const MatmulArgs& args, int64_t begin, int64_t end) {
    const Matrix& w = args.w;
    const int64_t row_bytes = w.row_bytes();
    multiply_packed<V, W>({w.data + begin * row_bytes, row_bytes, end - begin}, {args.x, w.in},
                          args.rows, w.in, {args.y + begin, w.out});
  }

  static void norm(const NormArgs& args) {
    for (int64_t r = 0; r < args.rows; ++r) {
      const float* x = args.x + r * args.width;
      V squares = V::zero();
      const auto square = [&](V value) { squares = V::fma(value, value, squares); };
      for_vectors<V>(args.width, [&](int64_t i) { square(V::load(x + i)); },
                     [&](int64_t i, int64_t n) { square(V::load_part(x + i, n)); });
      const float sum = squares.sum();
      const float mean = args.l2 ? sum : sum / static_cast<float>(args.width);
      const V factor = V::all(args.scale / __builtin_sqrtf(mean + args.eps));
      const float* weight =
          args.weight == nullptr ? nullptr : args.weight + r % args.weight_rows * args.width;
      const auto scaled = [&](int64_t i, int64_t n) {
        const V value = load_some<V>(x + i, n) * factor;
        return weight == nullptr ? value : value * load_some<V>(weight + i, n);
      };
      float* y = args.y + r * args.width;
      for_vectors<V>(args.width, [&](int64_t i) { scaled(i, V::kLanes).store(y + i); },
                     [&](int64_t i, int64_t n) { scaled(i, n).store_part(y + i, n); });
    }
  }

  static void mix(const MixArgs& args, int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const int32_t* ids = args.ids + r * args.count;
      const float* weights = args.weights + r * args.count;
      const auto sum = [&](int64_t i, int64_t n) {
        V total = V::zero();
        for (int64_t j = 0; j < args.count; ++j) {
          total = V::fma(V::all(weights[j]), load_some<V>(args.x + ids[j] * args.width + i, n),
                         total);
        }
        return total;
      };
      float* y = args.y + r * args.width;
      for_vectors<V>(args.width, [&](int64_t i) { sum(i, V::kLanes).store(y + i); },
                     [&](int64_t i, int64_t n) { sum(i, n).store_part(y + i, n); });
    }
  }

  static void add(const float* x, float* y, int64_t count) {
    map<V>(y, count, [&](int64_t i, V value, int64_t n) { return value + load_some<V>(x + i, n); });
  }

  // Calls `run` with the function of one vector.
  template <class Run>
  static void with_activation(Activation kind, Run run) {
    switch (kind) {
      case Activation::silu: return run([](V x) { return x * sigmoid(x); });
      case Activation::sigmoid: return run([](V x) { return sigmoid(x); });
      case Activation::softplus: return run([](V x) { return softplus(x); });
      case Activation::relu_squared:
        return run([](V x) {
          const V positive = V::max(V::zero(), x);
          return positive * positive;
        });
    }
  }

  static void activate(Activation kind, float* x, int64_t count) {
    with_activation(kind, [&](auto f) {
      map<V>(x, count, [&](int64_t, V value, int64_t) { return f(value); });
    });
  }

  static void gate(Activation kind, const float* gates, float* x, int64_t count) {
    with_activation(kind, [&](auto f) {
      map<V>(x, count, [&](int64_t i, V value, int64_t n) {
        return value * f(load_some<V>(gates + i, n));
      });
    });
  }

  static void affine(const float* scale, const float* bias, float* x, int64_t rows,
                     int64_t width) {
    for (int64_t r = 0; r < rows; ++r) {
      map<V>(x + r * width, width, [&](int64_t i, V value, int64_t n) {
        if (scale != nullptr) value = value * load_some<V>(scale + i, n);
        return bias == nullptr ? value : value + load_some<V>(bias + i, n);
      });
    }
  }

  // Channels [begin, end).
  static void conv(const ConvArgs& args, int64_t begin, int64_t end) {
    const int64_t kept = args.taps - 1;
    // The input `back` tokens before row 0 is the state's; rows before are its oldest last.
    const auto input = [&](int64_t row) {
      return row < 0 ? args.state + (kept + row) * args.channels : args.x + row * args.x_stride;
    };
    for (int64_t row = 0; row < args.rows; ++row) {
      const auto block = [&](int64_t c, int64_t n) {
        V sum = args.bias == nullptr ? V::zero() : load_some<V>(args.bias + c, n);
        for (int64_t tap = 0; tap < args.taps; ++tap) {
          sum = V::fma(load_some<V>(args.weight + tap * args.channels + c, n),
                       load_some<V>(input(row - kept + tap) + c, n), sum);
        }
        return args.silu ? sum * sigmoid(sum) : sum;
      };
      float* y = args.y + row * args.channels;
      for_vectors<V>(
          end - begin, [&](int64_t i) { block(begin + i, V::kLanes).store(y + begin + i); },
          [&](int64_t i, int64_t n) { block(begin + i, n).store_part(y + begin + i, n); });
    }
    for (int64_t slot = 0; slot < kept; ++slot) {
      const float* from = input(args.rows - kept + slot);
      float* to = args.state + slot * args.channels;
      for (int64_t c = begin; c < end; ++c) to[c] = from[c];
    }
  }

  using Quantized = void(const MatmulArgs& args, int64_t begin, int64_t end);
  using Int8 = void(const Int8Args& args, int64_t begin, int64_t end);

  using Packed = void(const PackedArgs& args, int64_t begin, int64_t end);
  using RoundTiles = void(const RoundTilesArgs& args, int64_t begin, int64_t end);

  static constexpr Kernels table(const char* name, Quantized* quantized, Int8* int8,
                                 Packed* packed = nullptr, RoundTiles* round_tiles = nullptr) {
    return {name, matmul, quantized, int8, packed, round_tiles, norm, mix, add, activate, gate,
            affine, attend<V>, conv, delta_head<V>, ssd_group<V>};
  }
};

}  // namespace corvid::engine
