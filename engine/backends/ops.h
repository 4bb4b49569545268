#pragma once
// The operations that models are composed of. Activations are float32, rows contiguous unless a
// stride is given. Pointers are borrowed for the call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/gguf.h"

namespace corvid::engine {

// Where a backend keeps a matrix in a form of its own, made at its first use. Copies of a Matrix
// share it; one backend uses it.
struct PackedMatrix;
struct PackedSlot {
  std::shared_ptr<const PackedMatrix> packed;
  bool source_is_file = false;  // `data` is mapped from a file: its pages need not stay in memory
};

// A weight matrix: `out` rows of `in` values, packed as `type`. The model file owns `data`.
struct Matrix {
  TensorType type = TensorType::f32;
  int64_t in = 0, out = 0;
  const std::byte* data = nullptr;
  std::shared_ptr<PackedSlot> slot;  // null: is used as it is

  int64_t row_bytes() const {
    const TypeInfo& info = type_info(type);
    return in / info.block_elements * info.block_bytes;
  }
};

// One matrix product of several: y (rows, w.out) = x (rows, w.in) w^T, where row i of x is its row
// from[i]; `from` empty: row i.
struct Product {
  const Matrix* w = nullptr;
  const float* x = nullptr;
  int64_t rows = 0;
  float* y = nullptr;
  std::span<const int32_t> from;
};

// Weighted sums of rows: y (rows, width), row r = the sum of weights[r, i] x[ids[r, i]] over
// i < count, in this order.
struct MixArgs {
  const float* x = nullptr;        // rows of `width` values
  const int32_t* ids = nullptr;    // (rows, count)
  const float* weights = nullptr;  // (rows, count)
  float* y = nullptr;
  int64_t rows = 0, count = 0, width = 0;
};

enum class Activation { silu, sigmoid, softplus, relu_squared };

// y = x / sqrt(mean(x^2) + eps) * weight * scale, or with `l2` x / sqrt(sum(x^2) + eps) ... .
// Row r takes row r % weight_rows of the weights.
struct NormArgs {
  const float* x = nullptr;       // (rows, width)
  float* y = nullptr;             // (rows, width); may be x
  const float* weight = nullptr;  // (weight_rows, width); null: 1
  int64_t rows = 0, width = 0, weight_rows = 1;
  float eps = 0, scale = 1;
  bool l2 = false;
};

// Rotates pairs (i, i + n) of every head, n = frequencies.size(), by position * frequencies[i], and
// multiplies them by `magnitude`. `interleaved`: pairs (2i, 2i + 1). 2 n <= head_dim.
struct RopeArgs {
  float* x = nullptr;  // (rows, heads, head_dim)
  int64_t rows = 0, heads = 0, head_dim = 0;
  std::span<const double> frequencies;
  float magnitude = 1;
  bool interleaved = false;
  const int32_t* positions = nullptr;  // (rows)
};

// Softmax attention of consecutive tokens of one sequence over its paged keys and values, which
// already hold those of the tokens themselves. Query head h reads kv head h / (heads / kv_heads).
// Each token sees those before it; where not `causal`, all of them, and `window` says nothing.
struct AttentionArgs {
  const float* q = nullptr;  // (rows, heads, key_dim)
  float* y = nullptr;        // (rows, heads, value_dim)
  int64_t rows = 0, first_position = 0;
  int64_t heads = 0, kv_heads = 0, key_dim = 0, value_dim = 0;
  int64_t window = 0;  // tokens seen, the own one included; 0: all
  float scale = 1;
  bool causal = true;
  std::span<std::byte* const> pages;  // each holds page_tokens positions
  int64_t page_tokens = 0;
  TensorType kv_type = TensorType::f32;  // or f16, or q8_0 with dims of whole blocks
  // In a page, in bytes: (page_tokens, kv_heads, key_dim) and (page_tokens, kv_heads, value_dim).
  int64_t key_offset = 0, value_offset = 0;
};

// Causal depthwise convolution over one sequence, then SiLU where `silu`.
struct ConvArgs {
  const float* x = nullptr;  // (rows, x_stride), the first `channels` of each row
  int64_t x_stride = 0;
  float* y = nullptr;  // (rows, channels)
  int64_t rows = 0, channels = 0, taps = 0;
  const float* weight = nullptr;  // (taps, channels); the last tap is the current token's
  const float* bias = nullptr;    // (channels) or null
  float* state = nullptr;         // (taps - 1, channels): the last inputs, oldest first; updated
  bool silu = true;
};

// The gated delta rule with per-channel gates over one sequence (arXiv 2605.22791). Per token and
// value head, S (key_dim, value_dim):
//   S <- diag(e^g) S;  delta = w * v - S^T (b * k);  S <- S + k delta^T;  o = S^T q
// Value head j reads q, k, g, b of key head j / (value_heads / heads). g <= 0.
struct DeltaArgs {
  const float *q = nullptr, *k = nullptr, *g = nullptr, *b = nullptr;  // (rows, heads, key_dim)
  const float *v = nullptr, *w = nullptr;  // (rows, value_heads, value_dim)
  float* o = nullptr;                      // (rows, value_heads, value_dim)
  float* state = nullptr;  // (value_heads, key_dim, value_dim); updated
  int64_t rows = 0, heads = 0, value_heads = 0, key_dim = 0, value_dim = 0;
};

// Mamba-2 (arXiv 2405.21060) over one sequence. Per token and head, S (head_dim, state_dim):
//   S <- e^(dt a) S + dt x B^T;  y = S C + d x
// Head h reads group h / (heads / groups). a <= 0, dt >= 0.
struct SsdArgs {
  const float *x = nullptr, *B = nullptr, *C = nullptr;  // rows `stride` apart:
  int64_t stride = 0;                                    // (heads, head_dim), (groups, state_dim)
  const float* dt = nullptr;                             // (rows, heads)
  const float *a = nullptr, *d = nullptr;                // (heads)
  float* y = nullptr;                                    // (rows, heads, head_dim)
  float* state = nullptr;                                // (heads, head_dim, state_dim); updated
  int64_t rows = 0, heads = 0, groups = 0, head_dim = 0, state_dim = 0;
};

inline constexpr int64_t kChunkTokens = 64;

// A device's kernels. Used by one thread at a time. Results depend on the arguments alone, never on
// the number of threads; in row-wise operations a row's result does not depend on the other rows.
// In delta() and ssd() every kChunkTokens rows from the first on are a chunk, of which one row is
// the step: the same as a call for each chunk, bit for bit.
class Ops {
 public:
  virtual ~Ops() = default;
  virtual std::string description() const = 0;  // for people: "cpu avx2, 2 threads"

  // Products that do not need each other's results. What consecutive ones read, where it is the
  // same x, rows and `from`, is prepared once.
  virtual void matmuls(std::span<const Product> products) = 0;
  // y (rows, w.out) = x (rows, w.in) w^T
  void matmul(const Matrix& w, const float* x, int64_t rows, float* y) {
    const Product one{&w, x, rows, y, {}};
    matmuls({&one, 1});
  }
  virtual void mix(const MixArgs& args) = 0;
  // y (ids.size(), w.in) = rows of w; ids are in range
  virtual void gather(const Matrix& w, std::span<const int32_t> ids, float* y) = 0;
  virtual void norm(const NormArgs& args) = 0;
  virtual void rope(const RopeArgs& args) = 0;
  virtual void add(const float* x, float* y, int64_t count) = 0;  // y += x
  virtual void activate(Activation kind, float* x, int64_t count) = 0;
  // x *= f(gate)
  virtual void gate(Activation kind, const float* gate, float* x, int64_t count) = 0;
  // x (rows, width) = x * scale + bias; either may be null
  virtual void affine(const float* scale, const float* bias, float* x, int64_t rows,
                      int64_t width) = 0;
  virtual void attention(const AttentionArgs& args) = 0;
  virtual void conv(const ConvArgs& args) = 0;
  virtual void delta(const DeltaArgs& args) = 0;
  virtual void ssd(const SsdArgs& args) = 0;
};

struct OpsOptions {
  std::string cpu_level;  // empty: CORVID_CPU, else the best one
  int thread_count = 0;   // 0: as many as there are cores
  bool int8_activations = false;  // see EngineOptions
};

// Throws not_found for an unknown backend or level, naming the known ones; unsupported for a level
// that this CPU lacks.
std::unique_ptr<Ops> make_ops(std::string_view backend, const OpsOptions& options);

}  // namespace corvid::engine
