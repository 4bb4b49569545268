#pragma once
// Mamba-2's recurrence: one token at a time, and in chunks (state space duality, arXiv 2405.21060).

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"

namespace corvid::engine {

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

// What the chunks of one group need, in scratch memory. L = kChunkTokens rows. The states are
// transposed, so that sums run along rows.
struct SsdChunk {
  int64_t length;       // rows of the present chunk
  float *b, *c;         // (state_dim, L) B^T, (L, state_dim) C
  float* cb;            // (L, L) C_i . B_j
  float* mixed;         // (L, L) of one head: cb e^(a_i - a_j) dt_j for j <= i, else 0
  Decays decay;         // (L) cumulative dt a, inclusive
  float *keep, *left;   // (L) e^a, e^(a_last - a) dt
  float *x, *x_left;    // (L, head_dim) x, x left
  float* y;             // (L, head_dim)
  float* states;        // (heads of the group, state_dim, head_dim)
};

inline SsdChunk carve(const SsdArgs& args, float* at, int64_t& floats) {
  float* const begin = at;
  const int64_t length = args.rows < kChunkTokens ? args.rows : kChunkTokens;
  const auto take = [&at](int64_t count) {
    float* block = at;
    at += (count + 15) / 16 * 16;
    return block;
  };
  const int64_t wide = length * args.state_dim, rows = length * args.head_dim;
  SsdChunk chunk{length, take(wide), take(wide), take(length * length), take(length * length),
                 {take(length), take(length)}, take(length), take(length), take(rows), take(rows),
                 take(rows), take(args.heads / args.groups * args.head_dim * args.state_dim)};
  floats = at - begin;
  return chunk;
}

// to (columns, rows) = from (rows, columns), rows of it `stride` apart
inline void transpose(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to) {
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * stride + c];
  }
}

// Fills `decay`, `mixed`, `keep` and `left`; dt is the head's, rows `heads` apart.
template <class V>
inline void ssd_decays(const SsdArgs& args, const SsdChunk& chunk, const float* dt, int64_t head) {
  const int64_t length = chunk.length;
  const Decays decay = chunk.decay;
  for (int64_t i = 0; i < length; ++i) {
    const Decays before = decay.at(i > 0 ? i - 1 : 0);
    decay.at(i).add(0, i == 0 ? nullptr : &before,
                    static_cast<double>(dt[i * args.heads]) * args.a[head]);
    chunk.left[i] = dt[i * args.heads];
  }
  // The exponents are never positive: j <= i.
  const auto until = [&decay](int64_t i, int64_t j, int64_t n) {
    return exp((V::all(decay.high[i]) - load_some<V>(decay.high + j, n)) +
               (V::all(decay.low[i]) - load_some<V>(decay.low + j, n)));
  };
  for (int64_t i = 0; i < length; ++i) {
    float* const row = chunk.mixed + i * length;
    for (int64_t j = 0; j <= i; ++j) row[j] = chunk.cb[i * length + j] * chunk.left[j];
    for (int64_t j = i + 1; j < length; ++j) row[j] = 0;
    map<V>(row, i + 1, [&](int64_t j, V value, int64_t n) { return value * until(i, j, n); });
  }
  map<V>(chunk.left, length, [&](int64_t j, V value, int64_t n) {
    return value * until(length - 1, j, n);
  });
  map<V>(chunk.keep, length, [&](int64_t j, V, int64_t n) {
    return exp(load_some<V>(decay.high + j, n));
  });
}

// y = keep (C S) + d x + mixed x, S = keep_last S + B^T x_left.
template <class V>
inline void ssd_chunk_head(const SsdArgs& args, const SsdChunk& chunk, int64_t head, int64_t row) {
  constexpr int64_t kBlock = 16;  // rows that read the same rows before them
  const int64_t length = chunk.length, width = args.state_dim, dim = args.head_dim;
  float* const state = chunk.states + head % (args.heads / args.groups) * dim * width;
  ssd_decays<V>(args, chunk, args.dt + row * args.heads + head, head);
  for (int64_t i = 0; i < length; ++i) {
    const float* from = args.x + (row + i) * args.stride + head * dim;
    const V left = V::all(chunk.left[i]);
    prefetch<V>(from + dim, dim * 4);  // of the next head: rows are far apart
    for (int64_t p = 0; p < dim; ++p) chunk.x[i * dim + p] = from[p];
    for (int64_t p = 0; p < dim; ++p) chunk.x_left[i * dim + p] = from[p];
    for (int64_t p = 0; p < dim; ++p) chunk.y[i * dim + p] = 0;
    map<V>(chunk.x_left + i * dim, dim, [left](int64_t, V value, int64_t) { return value * left; });
  }
  multiply_add<V>({chunk.c, width}, {state, dim}, {chunk.y, dim}, {length, width, dim});
  for (int64_t i = 0; i < length; ++i) {
    const V keep = V::all(chunk.keep[i]), d = V::all(args.d[head]);
    map<V>(chunk.y + i * dim, dim, [&](int64_t p, V value, int64_t n) {
      return V::fma(d, load_some<V>(chunk.x + i * dim + p, n), value * keep);
    });
  }
  for (int64_t first = 0; first < length; first += kBlock) {
    const int64_t end = first + kBlock < length ? first + kBlock : length;
    multiply_add<V>({chunk.mixed + first * length, length}, {chunk.x, dim},
                    {chunk.y + first * dim, dim}, {end - first, end, dim});
  }
  for (int64_t i = 0; i < length; ++i) {
    float* const to = args.y + ((row + i) * args.heads + head) * dim;
    for (int64_t p = 0; p < dim; ++p) to[p] = chunk.y[i * dim + p];
  }
  const V keep = V::all(chunk.keep[length - 1]);
  map<V>(state, dim * width, [keep](int64_t, V s, int64_t) { return s * keep; });
  multiply_add<V>({chunk.b, length}, {chunk.x_left, dim}, {state, dim}, {width, length, dim});
}

// Everything of a chunk that the heads of its group share.
template <class V>
inline void ssd_chunk_group(const SsdArgs& args, const SsdChunk& chunk, int64_t at) {
  const int64_t length = chunk.length, width = args.state_dim;
  transpose(args.B + at, args.stride, length, width, chunk.b);
  for (int64_t i = 0; i < length; ++i) {
    const float* from = args.C + at + i * args.stride;
    for (int64_t n = 0; n < width; ++n) chunk.c[i * width + n] = from[n];
    for (int64_t j = 0; j < length; ++j) chunk.cb[i * length + j] = 0;
  }
  multiply_add<V>({chunk.c, width}, {chunk.b, length}, {chunk.cb, length}, {length, width, length});
}

// Chunks from the first row on; one of a single row is a step.
template <class V>
inline void ssd_group(const SsdArgs& args, int64_t group, float* scratch) {
  const int64_t in_chunks = args.rows % kChunkTokens == 1 ? args.rows - 1 : args.rows;
  const int64_t per_group = args.heads / args.groups, size = args.head_dim * args.state_dim;
  float* const states = args.state + group * per_group * size;
  if (in_chunks > 0) {
    int64_t floats;
    SsdChunk chunk = carve(args, scratch, floats);
    for (int64_t i = 0; i < per_group; ++i) {
      transpose(states + i * size, args.state_dim, args.head_dim, args.state_dim,
                chunk.states + i * size);
    }
    for (int64_t row = 0; row < in_chunks; row += kChunkTokens) {
      const int64_t left = in_chunks - row;
      chunk.length = left < kChunkTokens ? left : kChunkTokens;
      ssd_chunk_group<V>(args, chunk, row * args.stride + group * args.state_dim);
      for (int64_t head = group * per_group; head < (group + 1) * per_group; ++head) {
        ssd_chunk_head<V>(args, chunk, head, row);
      }
    }
    for (int64_t i = 0; i < per_group; ++i) {
      transpose(chunk.states + i * size, args.head_dim, args.state_dim, args.head_dim,
                states + i * size);
    }
  }
  if (in_chunks < args.rows) ssd_step<V>(args, in_chunks, group);
}

}  // namespace corvid::engine
