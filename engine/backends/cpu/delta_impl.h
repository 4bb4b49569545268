#pragma once
// The gated delta rule with per-channel gates: one token at a time, and in chunks (arXiv 2605.22791;
// the chunk form as in fla-org/flash-linear-attention's KDA and GDN-2 operators).

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"

namespace corvid::engine {

inline constexpr int64_t kSubChunk = 16;

// One token of one value head. `decay` = e^g and `read` = b * k, (key_dim).
template <class V, int kVecs>
inline void delta_columns(const DeltaArgs& args, const float* decay, const float* read,
                          const float* k, const float* q, const float* target, int64_t width,
                          float* state, float* o) {
  const auto lanes = [&](int v) {
    const int64_t left = width - v * V::kLanes;
    return left < V::kLanes ? left : V::kLanes;
  };
  const auto store = [&](V value, float* to, int v) {
    lanes(v) == V::kLanes ? value.store(to) : value.store_part(to, lanes(v));
  };
  V delta[kVecs], out[kVecs];
  for (int v = 0; v < kVecs; ++v) {
    delta[v] = load_some<V>(target + v * V::kLanes, lanes(v));
    out[v] = V::zero();
  }
  for (int64_t i = 0; i < args.key_dim; ++i) {
    const V keep = V::all(decay[i]), minus_read = V::all(-read[i]);
    for (int v = 0; v < kVecs; ++v) {
      float* at = state + i * args.value_dim + v * V::kLanes;
      const V s = load_some<V>(at, lanes(v)) * keep;
      delta[v] = V::fma(minus_read, s, delta[v]);
      store(s, at, v);
    }
  }
  for (int64_t i = 0; i < args.key_dim; ++i) {
    const V key = V::all(k[i]), query = V::all(q[i]);
    for (int v = 0; v < kVecs; ++v) {
      float* at = state + i * args.value_dim + v * V::kLanes;
      const V s = V::fma(key, delta[v], load_some<V>(at, lanes(v)));
      out[v] = V::fma(query, s, out[v]);
      store(s, at, v);
    }
  }
  for (int v = 0; v < kVecs; ++v) store(out[v], o + v * V::kLanes, v);
}

// out = a * b
template <class V>
inline void product(const float* a, const float* b, int64_t count, float* out) {
  for_vectors<V>(
      count, [&](int64_t i) { (V::load(a + i) * V::load(b + i)).store(out + i); },
      [&](int64_t i, int64_t n) {
        (V::load_part(a + i, n) * V::load_part(b + i, n)).store_part(out + i, n);
      });
}

// out = x * e^(g - base) * sign, where g - base <= 0; `base` null: 0.
template <class V>
inline void decayed(const float* x, const float* g, const float* base, float sign, int64_t count,
                    float* out) {
  const auto block = [&](int64_t i, int64_t n) {
    V exponent = load_some<V>(g + i, n);
    if (base != nullptr) exponent = exponent - load_some<V>(base + i, n);
    return load_some<V>(x + i, n) * V::all(sign) * exp(exponent);
  };
  for_vectors<V>(
      count, [&](int64_t i) { block(i, V::kLanes).store(out + i); },
      [&](int64_t i, int64_t n) { block(i, n).store_part(out + i, n); });
}

template <class V>
inline void delta_step(const DeltaArgs& args, int64_t head, float* scratch) {
  const int64_t dk = args.key_dim, dv = args.value_dim, group = args.value_heads / args.heads;
  float *decay = scratch, *read = decay + dk, *target = read + dk;
  const int64_t at = head * dk;
  for_vectors<V>(
      dk, [&](int64_t i) { exp(V::load(args.g + at + i)).store(decay + i); },
      [&](int64_t i, int64_t n) {
        exp(V::load_part(args.g + at + i, n)).store_part(decay + i, n);
      });
  product<V>(args.b + at, args.k + at, dk, read);
  for (int64_t j = head * group; j < (head + 1) * group; ++j) {
    product<V>(args.w + j * dv, args.v + j * dv, dv, target);
    int64_t column = 0;
    const auto columns = [&](auto run, int64_t width) {
      run(args, decay, read, args.k + at, args.q + at, target + column, width,
          args.state + j * dk * dv + column, args.o + j * dv + column);
      column += width;
    };
    while (column + 4 * V::kLanes <= dv) columns(delta_columns<V, 4>, 4 * V::kLanes);
    while (column < dv) {
      columns(delta_columns<V, 1>, dv - column < V::kLanes ? dv - column : V::kLanes);
    }
  }
}

// What a chunk of one key head needs, in scratch memory. L = kChunkTokens rows.
struct DeltaChunk {
  float *g;             // (L, dk) cumulative log decay, inclusive
  float *read;          // (L, dk) b * k
  float *q_in, *r_in;   // (L, dk) q e^g, -(b k) e^g: what reads the state at the chunk's start
  float *k_out;         // (dk, L) k e^(g_last - g): what is left of a write at its end
  float *score, *solve; // (L, L) q.k and -(b k).k with the decay between; lower triangles
  float *sub_q, *sub_r; // (kSubChunk, dk) q and -(b k) relative to a sub-chunk's start
  float *sub_k;         // (L, dk) keys before it, relative to the same
  float *delta;         // (L, dv)
};

inline DeltaChunk carve(const DeltaArgs& args, float* at, int64_t& floats) {
  float* const begin = at;
  const int64_t length = args.rows < kChunkTokens ? args.rows : kChunkTokens;
  const auto take = [&at](int64_t count) {
    float* block = at;
    at += (count + 15) / 16 * 16;
    return block;
  };
  const int64_t keys = length * args.key_dim;
  DeltaChunk chunk{take(keys), take(keys), take(keys), take(keys), take(keys),
                   take(length * length), take(length * length), take(kSubChunk * args.key_dim),
                   take(kSubChunk * args.key_dim), take(keys), take(length * args.value_dim)};
  floats = at - begin;
  return chunk;
}

// The scores of row i with the rows [first, i] of its own sub-chunk: the decay inside of the sum.
template <class V>
inline void diagonal_scores(const DeltaArgs& args, const DeltaChunk& chunk, const float* q,
                            const float* k, int64_t stride, int64_t first, int64_t i,
                            int64_t length) {
  const int64_t dk = args.key_dim;
  const float *g_i = chunk.g + i * dk, *read = chunk.read + i * dk;
  for (int64_t j = first; j <= i; ++j) {
    V score = V::zero(), solve = V::zero();
    const float *g_j = chunk.g + j * dk, *k_j = k + j * stride;
    const auto block = [&](int64_t d, int64_t n) {
      const V key = load_some<V>(k_j + d, n) *
                    exp(load_some<V>(g_i + d, n) - load_some<V>(g_j + d, n));
      score = V::fma(load_some<V>(q + i * stride + d, n), key, score);
      solve = V::fma(load_some<V>(read + d, n), key, solve);
    };
    for_vectors<V>(dk, [&](int64_t d) { block(d, V::kLanes); }, block);
    chunk.score[i * length + j] = score.sum();
    chunk.solve[i * length + j] = -solve.sum();
  }
}

// Fills `score` and `solve`. Exponents are differences of cumulative decays and never positive:
// between sub-chunks both factors are taken relative to the later one's start.
template <class V>
inline void delta_scores(const DeltaArgs& args, const DeltaChunk& chunk, const float* q,
                         const float* k, int64_t stride, int64_t length) {
  const int64_t dk = args.key_dim;
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    if (first > 0) {
      const float* start = chunk.g + (first - 1) * dk;
      for (int64_t i = first; i < end; ++i) {
        decayed<V>(q + i * stride, chunk.g + i * dk, start, 1, dk, chunk.sub_q + (i - first) * dk);
        decayed<V>(chunk.read + i * dk, chunk.g + i * dk, start, -1, dk,
                   chunk.sub_r + (i - first) * dk);
      }
      for (int64_t j = 0; j < first; ++j) {
        decayed<V>(k + j * stride, start, chunk.g + j * dk, 1, dk, chunk.sub_k + j * dk);
      }
      matmul_nt<V>(chunk.sub_k, dk, first, chunk.sub_q, dk, end - first, dk,
                   chunk.score + first * length, length);
      matmul_nt<V>(chunk.sub_k, dk, first, chunk.sub_r, dk, end - first, dk,
                   chunk.solve + first * length, length);
    }
    for (int64_t i = first; i < end; ++i) {
      diagonal_scores<V>(args, chunk, q, k, stride, first, i, length);
    }
  }
}

// delta = (I - solve)^-1 (w v + r_in S), o = q_in S + score delta, S = e^(g_last) S + k_out delta.
template <class V>
inline void delta_values(const DeltaArgs& args, const DeltaChunk& chunk, int64_t row,
                         int64_t value_head, int64_t length) {
  const int64_t dk = args.key_dim, dv = args.value_dim, stride = args.value_heads * dv;
  const int64_t at = row * stride + value_head * dv;
  float* state = args.state + value_head * dk * dv;
  for (int64_t i = 0; i < length; ++i) {
    product<V>(args.w + at + i * stride, args.v + at + i * stride, dv, chunk.delta + i * dv);
    for (int64_t c = 0; c < dv; ++c) args.o[at + i * stride + c] = 0;
  }
  multiply_add<V>(chunk.r_in, dk, state, dv, length, dk, dv, chunk.delta, dv);
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    multiply_add<V>(chunk.solve + first * length, length, chunk.delta, dv, end - first, first, dv,
                    chunk.delta + first * dv, dv);
    for (int64_t i = first + 1; i < end; ++i) {
      multiply_add<V>(chunk.solve + i * length + first, length, chunk.delta + first * dv, dv, 1,
                      i - first, dv, chunk.delta + i * dv, dv);
    }
  }
  multiply_add<V>(chunk.q_in, dk, state, dv, length, dk, dv, args.o + at, stride);
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    multiply_add<V>(chunk.score + first * length, length, chunk.delta, dv, end - first, end, dv,
                    args.o + at + first * stride, stride);
  }
  const float* last = chunk.g + (length - 1) * dk;
  for (int64_t d = 0; d < dk; ++d) {
    const V keep = exp(V::all(last[d]));
    map<V>(state + d * dv, dv, [&](int64_t, V s, int64_t) { return s * keep; });
  }
  multiply_add<V>(chunk.k_out, length, chunk.delta, dv, dk, length, dv, state, dv);
}

template <class V>
inline void delta_chunk(const DeltaArgs& args, int64_t head, int64_t row, int64_t length,
                        const DeltaChunk& chunk) {
  const int64_t dk = args.key_dim, stride = args.heads * dk;
  const int64_t at = row * stride + head * dk;
  const float *q = args.q + at, *k = args.k + at, *g = args.g + at, *b = args.b + at;
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t d = 0; d < dk; ++d) {
      chunk.g[i * dk + d] = g[i * stride + d] + (i == 0 ? 0 : chunk.g[(i - 1) * dk + d]);
    }
    product<V>(b + i * stride, k + i * stride, dk, chunk.read + i * dk);
    decayed<V>(q + i * stride, chunk.g + i * dk, nullptr, 1, dk, chunk.q_in + i * dk);
    decayed<V>(chunk.read + i * dk, chunk.g + i * dk, nullptr, -1, dk, chunk.r_in + i * dk);
    for (int64_t j = 0; j < length; ++j) {
      chunk.score[i * length + j] = 0;
      chunk.solve[i * length + j] = 0;
    }
  }
  const float* last = chunk.g + (length - 1) * dk;
  for (int64_t i = 0; i < length; ++i) {
    decayed<V>(k + i * stride, last, chunk.g + i * dk, 1, dk, chunk.sub_k);
    for (int64_t d = 0; d < dk; ++d) chunk.k_out[d * length + i] = chunk.sub_k[d];
  }
  delta_scores<V>(args, chunk, q, k, stride, length);
  const int64_t group = args.value_heads / args.heads;
  for (int64_t j = head * group; j < (head + 1) * group; ++j) {
    delta_values<V>(args, chunk, row, j, length);
  }
}

template <class V>
inline void delta_head(const DeltaArgs& args, int64_t head, float* scratch) {
  if (args.rows == 1) return delta_step<V>(args, head, scratch);
  int64_t floats;
  const DeltaChunk chunk = carve(args, scratch, floats);
  for (int64_t row = 0; row < args.rows; row += kChunkTokens) {
    const int64_t left = args.rows - row;
    delta_chunk<V>(args, head, row, left < kChunkTokens ? left : kChunkTokens, chunk);
  }
}

}  // namespace corvid::engine
