#pragma once
// Mamba-2's recurrence: one token at a time, and in chunks (state space duality, arXiv 2405.21060).

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"

namespace corvid::engine {

template <class V>
inline float exp_one(float x) {
  float out[V::kLanes];
  exp(V::all(x)).store(out);
  return out[0];
}

template <class V>
inline void ssd_step(const SsdArgs& args, int64_t row, int64_t group) {
  const int64_t per_group = args.heads / args.groups, width = args.state_dim;
  const int64_t at = row * args.stride;
  const float *B = args.B + at + group * width, *C = args.C + at + group * width;
  for (int64_t head = group * per_group; head < (group + 1) * per_group; ++head) {
    const float dt = args.dt[row * args.heads + head];
    const V keep = exp(V::all(dt * args.a[head]));
    for (int64_t p = 0; p < args.head_dim; ++p) {
      const float x = args.x[at + head * args.head_dim + p];
      const V write = V::all(dt * x);
      V sum = V::zero();
      map<V>(args.state + (head * args.head_dim + p) * width, width,
             [&](int64_t i, V s, int64_t n) {
               s = V::fma(write, load_some<V>(B + i, n), s * keep);
               sum = V::fma(s, load_some<V>(C + i, n), sum);
               return s;
             });
      args.y[(row * args.heads + head) * args.head_dim + p] = sum.sum() + args.d[head] * x;
    }
  }
}

// What a chunk of one group needs, in scratch memory. L = kChunkTokens rows.
struct SsdChunk {
  int64_t length;  // rows of the present chunk
  float* cb;     // (L, L) C_i . B_j
  float* mixed;  // (L, L) of one head: cb e^(a_i - a_j) dt_j for j <= i, else 0
  Decays decay;  // (L) cumulative dt a, inclusive
  float* x_out;  // (head_dim, L) x e^(a_last - a) dt
  float* from_state;  // (L, head_dim) C S^T
};

inline SsdChunk carve(const SsdArgs& args, float* at, int64_t& floats) {
  float* const begin = at;
  const int64_t length = args.rows < kChunkTokens ? args.rows : kChunkTokens;
  const auto take = [&at](int64_t count) {
    float* block = at;
    at += (count + 15) / 16 * 16;
    return block;
  };
  SsdChunk chunk{length, take(length * length), take(length * length), {take(length), take(length)},
                 take(length * args.head_dim), take(length * args.head_dim)};
  floats = at - begin;
  return chunk;
}

// cb * e^(decay_i - decay_j) * dt_j; the exponents are never positive for j <= i.
template <class V>
inline void ssd_mix(const SsdArgs& args, const SsdChunk& chunk, const float* dt) {
  const int64_t length = chunk.length;
  for (int64_t i = 0; i < length; ++i) {
    float* row = chunk.mixed + i * length;
    for (int64_t j = 0; j < length; ++j) {
      row[j] = j <= i ? chunk.cb[i * length + j] * dt[j * args.heads] : 0;
    }
    const V high = V::all(chunk.decay.high[i]), low = V::all(chunk.decay.low[i]);
    map<V>(row, i + 1, [&](int64_t j, V value, int64_t n) {
      return value * exp((high - load_some<V>(chunk.decay.high + j, n)) +
                         (low - load_some<V>(chunk.decay.low + j, n)));
    });
  }
}

template <class V>
inline void ssd_chunk_head(const SsdArgs& args, const SsdChunk& chunk, int64_t head, int64_t row) {
  const int64_t length = chunk.length, group = head / (args.heads / args.groups);
  const int64_t width = args.state_dim, dim = args.head_dim, y_stride = args.heads * dim;
  const float* dt = args.dt + row * args.heads + head;
  const float* x = args.x + row * args.stride + head * dim;
  const float* B = args.B + row * args.stride + group * width;
  const float* C = args.C + row * args.stride + group * width;
  float* state = args.state + head * dim * width;
  float* y = args.y + row * y_stride + head * dim;
  for (int64_t i = 0; i < length; ++i) {
    const Decays before = chunk.decay.at(i > 0 ? i - 1 : 0);
    chunk.decay.at(i).add(0, i == 0 ? nullptr : &before,
                          static_cast<double>(dt[i * args.heads]) * args.a[head]);
  }
  ssd_mix<V>(args, chunk, dt);
  multiply_transposed<V>({C, args.stride}, {state, width}, {chunk.from_state, dim},
                         {length, width, dim});
  for (int64_t i = 0; i < length; ++i) {
    const float keep = exp_one<V>(chunk.decay.high[i]);
    const float rest = (chunk.decay.high[length - 1] - chunk.decay.high[i]) +
                       (chunk.decay.low[length - 1] - chunk.decay.low[i]);
    const float left = exp_one<V>(rest) * dt[i * args.heads];
    for (int64_t p = 0; p < dim; ++p) {
      const float value = x[i * args.stride + p];
      y[i * y_stride + p] = chunk.from_state[i * dim + p] * keep + args.d[head] * value;
      chunk.x_out[p * length + i] = value * left;
    }
  }
  multiply_add<V>({chunk.mixed, length}, {x, args.stride}, {y, y_stride}, {length, length, dim});
  const V keep = exp(V::all(chunk.decay.high[length - 1]));
  map<V>(state, dim * width, [&](int64_t, V s, int64_t) { return s * keep; });
  multiply_add<V>({chunk.x_out, length}, {B, args.stride}, {state, width}, {dim, length, width});
}

template <class V>
inline void ssd_group(const SsdArgs& args, int64_t group, float* scratch) {
  int64_t floats;
  SsdChunk chunk = carve(args, scratch, floats);
  const int64_t per_group = args.heads / args.groups, width = args.state_dim;
  for (int64_t row = 0; row < args.rows; row += kChunkTokens) {
    const int64_t left = args.rows - row, at = row * args.stride + group * width;
    if (left == 1) return ssd_step<V>(args, row, group);
    chunk.length = left < kChunkTokens ? left : kChunkTokens;
    multiply_transposed<V>({args.C + at, args.stride}, {args.B + at, args.stride},
                           {chunk.cb, chunk.length}, {chunk.length, width, chunk.length});
    for (int64_t head = group * per_group; head < (group + 1) * per_group; ++head) {
      ssd_chunk_head<V>(args, chunk, head, row);
    }
  }
}

}  // namespace corvid::engine
