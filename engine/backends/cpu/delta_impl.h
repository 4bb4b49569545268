#pragma once
// The gated delta rule with per-channel gates: one token at a time, and in chunks (arXiv
// 2605.22791; the chunk form as in fla-org/flash-linear-attention's KDA and GDN-2 operators).

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"

namespace corvid::engine {

inline constexpr int64_t kSubChunk = 16;

// One token of one value head: kVecs whole vectors of its columns, or `width` elements of one.
struct DeltaColumns {
  const float *decay, *read, *k, *q;  // (key_dim): e^g, b * k, k, q
  const float* target;                // (width) w * v
  Out state;                          // (key_dim, width)
  float* o;                           // (width)
  int64_t key_dim;
};

template <class V, int kVecs>
inline void delta_columns(const DeltaColumns& c, int64_t width) {
  const auto lanes = [width](int) { return kVecs > 1 ? V::kLanes : width; };
  V delta[kVecs], out[kVecs];
  for (int v = 0; v < kVecs; ++v) {
    delta[v] = load_some<V>(c.target + v * V::kLanes, lanes(v));
    out[v] = V::zero();
  }
  for (int64_t i = 0; i < c.key_dim; ++i) {
    const V keep = V::all(c.decay[i]), minus_read = V::all(-c.read[i]);
    for (int v = 0; v < kVecs; ++v) {
      float* at = c.state.row(i) + v * V::kLanes;
      const V s = load_some<V>(at, lanes(v)) * keep;
      delta[v] = V::fma(minus_read, s, delta[v]);
      store_some(s, at, lanes(v));
    }
  }
  for (int64_t i = 0; i < c.key_dim; ++i) {
    const V key = V::all(c.k[i]), query = V::all(c.q[i]);
    for (int v = 0; v < kVecs; ++v) {
      float* at = c.state.row(i) + v * V::kLanes;
      const V s = V::fma(key, delta[v], load_some<V>(at, lanes(v)));
      out[v] = V::fma(query, s, out[v]);
      store_some(s, at, lanes(v));
    }
  }
  for (int v = 0; v < kVecs; ++v) store_some(out[v], c.o + v * V::kLanes, lanes(v));
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

// out = x * e^(g - base) * kSign, where g - base <= 0; `base` null: 0.
template <class V, int kSign>
inline void decayed(const float* x, Decays g, const Decays* base, int64_t count, float* out) {
  const auto block = [&](int64_t i, int64_t n) {
    const V factor = base == nullptr ? exp(load_some<V>(g.high + i, n))
                                     : exp_difference<V>(g, *base, i, n);
    return load_some<V>(x + i, n) * V::all(kSign) * factor;
  };
  for_vectors<V>(
      count, [&](int64_t i) { block(i, V::kLanes).store(out + i); },
      [&](int64_t i, int64_t n) { block(i, n).store_part(out + i, n); });
}

template <class V>
inline void delta_step(const DeltaArgs& args, int64_t row, int64_t head, float* scratch) {
  const int64_t dk = args.key_dim, dv = args.value_dim, group = args.value_heads / args.heads;
  float *decay = scratch, *read = decay + dk, *target = read + dk;
  const int64_t at = (row * args.heads + head) * dk;
  for_vectors<V>(
      dk, [&](int64_t i) { exp(V::load(args.g + at + i)).store(decay + i); },
      [&](int64_t i, int64_t n) {
        exp(V::load_part(args.g + at + i, n)).store_part(decay + i, n);
      });
  product<V>(args.b + at, args.k + at, dk, read);
  for (int64_t j = head * group; j < (head + 1) * group; ++j) {
    const int64_t value_at = (row * args.value_heads + j) * dv;
    product<V>(args.w + value_at, args.v + value_at, dv, target);
    DeltaColumns columns{decay, read, args.k + at, args.q + at, target,
                         {args.state + j * dk * dv, dv}, args.o + value_at, dk};
    for (int64_t column = 0; column < dv;) {
      const int64_t left = dv - column;
      const bool four = left >= 4 * V::kLanes;
      const int64_t width = four ? 4 * V::kLanes : left < V::kLanes ? left : V::kLanes;
      four ? delta_columns<V, 4>(columns, width) : delta_columns<V, 1>(columns, width);
      column += width;
      columns.target += width;
      columns.state.data += width;
      columns.o += width;
    }
  }
}

// What a chunk of one key head needs, in scratch memory. L = kChunkTokens rows.
struct DeltaChunk {
  int64_t length;       // rows of the present chunk
  const float *q, *k;   // its first row, of this head; rows `stride` apart
  int64_t stride;
  Decays g;             // (L, dk) cumulative log decay, inclusive
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
  const int64_t sub_keys = kSubChunk * args.key_dim, square = length * length;
  DeltaChunk chunk{length, args.q, args.k, args.heads * args.key_dim,
                   {take(keys), take(keys)}, take(keys), take(keys), take(keys), take(keys),
                   take(square), take(square), take(sub_keys), take(sub_keys), take(keys),
                   take(length * args.value_dim)};
  floats = at - begin;
  return chunk;
}

// The scores of row i with the rows [first, i] of its own sub-chunk: the decay inside of the sum.
template <class V>
inline void diagonal_scores(const DeltaChunk& chunk, int64_t dk, int64_t first, int64_t i) {
  const Decays g_i = chunk.g.at(i * dk);
  const float* read = chunk.read + i * dk;
  const float* q_i = chunk.q + i * chunk.stride;
  for (int64_t j = first; j <= i; ++j) {
    V score = V::zero(), solve = V::zero();
    const Decays g_j = chunk.g.at(j * dk);
    const float* k_j = chunk.k + j * chunk.stride;
    const auto block = [&](int64_t d, int64_t n) {
      const V key = load_some<V>(k_j + d, n) * exp_difference<V>(g_i, g_j, d, n);
      score = V::fma(load_some<V>(q_i + d, n), key, score);
      solve = V::fma(load_some<V>(read + d, n), key, solve);
    };
    for_vectors<V>(dk, [&](int64_t d) { block(d, V::kLanes); }, block);
    chunk.score[i * chunk.length + j] = score.sum();
    chunk.solve[i * chunk.length + j] = -solve.sum();
  }
}

// Fills `score` and `solve`. Exponents are differences of cumulative decays and never positive:
// between sub-chunks both factors are taken relative to the later one's start.
template <class V>
inline void delta_scores(const DeltaChunk& chunk, int64_t dk) {
  const int64_t length = chunk.length;
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    if (first > 0) {
      const Decays start = chunk.g.at((first - 1) * dk);
      for (int64_t i = first; i < end; ++i) {
        const int64_t at = (i - first) * dk;
        decayed<V, 1>(chunk.q + i * chunk.stride, chunk.g.at(i * dk), &start, dk, chunk.sub_q + at);
        decayed<V, -1>(chunk.read + i * dk, chunk.g.at(i * dk), &start, dk, chunk.sub_r + at);
      }
      for (int64_t j = 0; j < first; ++j) {
        const Decays g_j = chunk.g.at(j * dk);
        decayed<V, 1>(chunk.k + j * chunk.stride, start, &g_j, dk, chunk.sub_k + j * dk);
      }
      const Sizes sizes{end - first, dk, first};
      multiply_transposed<V>({chunk.sub_q, dk}, {chunk.sub_k, dk},
                             {chunk.score + first * length, length}, sizes);
      multiply_transposed<V>({chunk.sub_r, dk}, {chunk.sub_k, dk},
                             {chunk.solve + first * length, length}, sizes);
    }
    for (int64_t i = first; i < end; ++i) diagonal_scores<V>(chunk, dk, first, i);
  }
}

// delta <- (I - solve)^-1 delta, by sub-chunks.
template <class V>
inline void solve_deltas(const DeltaChunk& chunk, int64_t dv) {
  const int64_t length = chunk.length;
  const In solve{chunk.solve, length};
  const Out delta{chunk.delta, dv};
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    multiply_add<V>({solve.row(first), length}, {delta.data, dv}, {delta.row(first), dv},
                    {end - first, first, dv});
    for (int64_t i = first + 1; i < end; ++i) {
      multiply_add<V>({solve.row(i) + first, length}, {delta.row(first), dv}, {delta.row(i), dv},
                      {1, i - first, dv});
    }
  }
}

// delta = (I - solve)^-1 (w v + r_in S), o = q_in S + score delta, S = e^(g_last) S + k_out delta.
template <class V>
inline void delta_values(const DeltaArgs& args, const DeltaChunk& chunk, int64_t row,
                         int64_t value_head) {
  const int64_t dk = args.key_dim, dv = args.value_dim, length = chunk.length;
  const int64_t stride = args.value_heads * dv, at = row * stride + value_head * dv;
  const Out state{args.state + value_head * dk * dv, dv}, o{args.o + at, stride};
  const In delta{chunk.delta, dv};
  for (int64_t i = 0; i < length; ++i) {
    product<V>(args.w + at + i * stride, args.v + at + i * stride, dv, chunk.delta + i * dv);
    for (int64_t c = 0; c < dv; ++c) o.row(i)[c] = 0;
  }
  multiply_add<V>({chunk.r_in, dk}, {state.data, dv}, {chunk.delta, dv}, {length, dk, dv});
  solve_deltas<V>(chunk, dv);
  multiply_add<V>({chunk.q_in, dk}, {state.data, dv}, o, {length, dk, dv});
  for (int64_t first = 0; first < length; first += kSubChunk) {
    const int64_t end = first + kSubChunk < length ? first + kSubChunk : length;
    multiply_add<V>({chunk.score + first * length, length}, delta, {o.row(first), stride},
                    {end - first, end, dv});
  }
  const float* last = chunk.g.high + (length - 1) * dk;
  for (int64_t d = 0; d < dk; ++d) {
    const V keep = exp(V::all(last[d]));
    map<V>(state.row(d), dv, [&](int64_t, V s, int64_t) { return s * keep; });
  }
  multiply_add<V>({chunk.k_out, length}, delta, state, {dk, length, dv});
}

// Everything of a chunk that its value heads share.
template <class V>
inline void delta_keys(const DeltaArgs& args, const DeltaChunk& chunk, int64_t at) {
  const int64_t dk = args.key_dim, stride = chunk.stride, length = chunk.length;
  const float *g = args.g + at, *b = args.b + at;
  for (int64_t i = 0; i < length; ++i) {
    const Decays before = chunk.g.at((i > 0 ? i - 1 : 0) * dk), now = chunk.g.at(i * dk);
    for (int64_t d = 0; d < dk; ++d) now.add(d, i == 0 ? nullptr : &before, g[i * stride + d]);
    product<V>(b + i * stride, chunk.k + i * stride, dk, chunk.read + i * dk);
    decayed<V, 1>(chunk.q + i * stride, now, nullptr, dk, chunk.q_in + i * dk);
    decayed<V, -1>(chunk.read + i * dk, now, nullptr, dk, chunk.r_in + i * dk);
    for (int64_t j = 0; j < length; ++j) {
      chunk.score[i * length + j] = 0;
      chunk.solve[i * length + j] = 0;
    }
  }
  const Decays last = chunk.g.at((length - 1) * dk);
  for (int64_t i = 0; i < length; ++i) {
    const Decays g_i = chunk.g.at(i * dk);
    decayed<V, 1>(chunk.k + i * stride, last, &g_i, dk, chunk.sub_k);
    for (int64_t d = 0; d < dk; ++d) chunk.k_out[d * length + i] = chunk.sub_k[d];
  }
  delta_scores<V>(chunk, dk);
}

// Chunks from the first row on; one of a single row is a step.
template <class V>
inline void delta_head(const DeltaArgs& args, int64_t head, float* scratch) {
  int64_t floats;
  DeltaChunk chunk = carve(args, scratch, floats);
  const int64_t group = args.value_heads / args.heads;
  for (int64_t row = 0; row < args.rows; row += kChunkTokens) {
    const int64_t left = args.rows - row, at = row * chunk.stride + head * args.key_dim;
    if (left == 1) return delta_step<V>(args, row, head, scratch);
    chunk.length = left < kChunkTokens ? left : kChunkTokens;
    chunk.q = args.q + at;
    chunk.k = args.k + at;
    delta_keys<V>(args, chunk, at);
    for (int64_t j = head * group; j < (head + 1) * group; ++j) {
      delta_values<V>(args, chunk, row, j);
    }
  }
}

}  // namespace corvid::engine
