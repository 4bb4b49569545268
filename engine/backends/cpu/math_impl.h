#pragma once
// Elementary functions and small matrix products over a vector class V (vec_portable.h). Everything
// is a template on V, so that code for one instruction set never gets into another's object file.

#include <cstddef>
#include <cstdint>

namespace corvid::engine {

// The blocks of a range: `full(i)` for whole vectors from i, `part(i, n)` for the n elements left.
template <class V, class Full, class Part>
inline void for_vectors(int64_t count, Full full, Part part) {
  int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) full(i);
  if (i < count) part(i, count - i);
}

// Brings `bytes` bytes nearer that are read soon; they need not be there.
template <class V>
inline void prefetch(const void* from, int64_t bytes) {
  const char* const at = static_cast<const char*>(from);
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 0, 2);
}

// x[i] = f(i, x[i], n) for the vectors of x; n is the number of lanes that count.
template <class V, class F>
inline void map(float* x, int64_t count, F f) {
  for_vectors<V>(
      count, [&](int64_t i) { f(i, V::load(x + i), V::kLanes).store(x + i); },
      [&](int64_t i, int64_t n) { f(i, V::load_part(x + i, n), n).store_part(x + i, n); });
}

template <class V>
inline V load_some(const float* from, int64_t count) {
  return count == V::kLanes ? V::load(from) : V::load_part(from, count);
}

template <class V>
inline void store_some(V value, float* to, int64_t count) {
  count == V::kLanes ? value.store(to) : value.store_part(to, count);
}

// e^x within 2 ulp (Cephes expf); below -87 it is about 1e-38. NaN stays NaN.
template <class V>
inline V exp(V x) {
  x = V::min(V::all(88.3f), V::max(V::all(-87.3f), x));
  const V n = V::round(x * V::all(1.44269504f));
  V r = V::fma(n, V::all(-0.693359375f), x);
  r = V::fma(n, V::all(2.12194440e-4f), r);
  V p = V::all(1.9875691500e-4f);
  p = V::fma(p, r, V::all(1.3981999507e-3f));
  p = V::fma(p, r, V::all(8.3334519073e-3f));
  p = V::fma(p, r, V::all(4.1665795894e-2f));
  p = V::fma(p, r, V::all(1.6666665459e-1f));
  p = V::fma(p, r, V::all(5.0000001201e-1f));
  p = V::fma(p, r * r, r + V::all(1));
  return p * V::power_of_two(n);
}

// Sums of log decays as pairs of floats: a chunk's sum is large where single decays are strong, and
// what counts are small differences between such sums.
struct Decays {
  float *high, *low;
  Decays at(int64_t i) const { return {high + i, low + i}; }
  void add(int64_t i, const Decays* before, double value) const {
    if (before != nullptr) {
      value += static_cast<double>(before->high[i]) + static_cast<double>(before->low[i]);
    }
    high[i] = static_cast<float>(value);
    low[i] = static_cast<float>(value - static_cast<double>(high[i]));
  }
};

// e^(a - b) for the elements [i, i + n)
template <class V>
inline V exp_difference(Decays a, Decays b, int64_t i, int64_t n) {
  return exp((load_some<V>(a.high + i, n) - load_some<V>(b.high + i, n)) +
             (load_some<V>(a.low + i, n) - load_some<V>(b.low + i, n)));
}

template <class V>
inline V sigmoid(V x) {
  return V::all(1) / (V::all(1) + exp(V::zero() - x));
}

// max(x, 0) + log1p(e^-|x|), with log1p(y) = 2 atanh(y / (2 + y)).
template <class V>
inline V softplus(V x) {
  const V y = exp(V::min(x, V::zero() - x));
  const V s = y / (V::all(2) + y);
  const V z = s * s;
  V p = V::all(1.0f / 15);
  p = V::fma(p, z, V::all(1.0f / 13));
  p = V::fma(p, z, V::all(1.0f / 11));
  p = V::fma(p, z, V::all(1.0f / 9));
  p = V::fma(p, z, V::all(1.0f / 7));
  p = V::fma(p, z, V::all(1.0f / 5));
  p = V::fma(p, z, V::all(1.0f / 3));
  p = V::fma(p, z, V::all(1));
  return V::max(x, V::zero()) + V::all(2) * s * p;
}

// Rows of floats, `stride` apart.
struct In {
  const float* data;
  int64_t stride;
  const float* row(int64_t i) const { return data + i * stride; }
};
struct Out {
  float* data;
  int64_t stride;
  float* row(int64_t i) const { return data + i * stride; }
};

// kOut dot products of kRows rows of x with kOut weight rows; the first `out_count` are written.
// Each product is summed in one vector in the order of i, whatever kRows and kOut are: the results
// of a row do not depend on the others.
template <class V, class W, int kRows, int kOut>
inline void dots(const W* w, In x, int64_t count, Out y, int64_t out_count) {
  V sums[kRows][kOut];
  for (auto& row : sums) {
    for (V& sum : row) sum = V::zero();
  }
  const auto step = [&](int64_t i, auto load_w, auto load_x) {
    V row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = load_x(x.row(r) + i);
    for (int o = 0; o < kOut; ++o) {
      const V weight = load_w(w[o]);
      for (int r = 0; r < kRows; ++r) sums[r][o] = V::fma(row[r], weight, sums[r][o]);
    }
  };
  for_vectors<V>(
      count,
      [&](int64_t i) {
        step(i, [i](const W& row) { return row.load(i); },
             [](const float* from) { return V::load(from); });
      },
      [&](int64_t i, int64_t n) {
        step(i, [i, n](const W& row) { return row.load_part(i, n); },
             [n](const float* from) { return V::load_part(from, n); });
      });
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kOut; o += 4) {
      float out[4];
      V::sum4(&sums[r][o], out);
      for (int64_t j = 0; j < 4 && o + j < out_count; ++j) y.row(r)[o + j] = out[j];
    }
  }
}

// Weight rows by type. load(i) gives elements [i, i + kLanes); i is a multiple of kLanes.
template <class V>
struct RowF32 {
  const std::byte* data;
  V load(int64_t i) const { return V::load(data + 4 * i); }
  V load_part(int64_t i, int64_t n) const { return V::load_part(data + 4 * i, n); }
};

template <class V, V (*kLoad)(const std::byte*)>
struct Row16 {
  const std::byte* data;
  V load(int64_t i) const { return kLoad(data + 2 * i); }
  V load_part(int64_t i, int64_t n) const {
    std::byte part[2 * V::kLanes] = {};
    for (int64_t j = 0; j < 2 * n; ++j) part[j] = data[2 * i + j];
    return kLoad(part);
  }
};

template <class V>
struct RowQ8 {
  const std::byte* data;
  V load(int64_t i) const {
    const std::byte* block = data + i / 32 * 34;
    return V::all(V::half(block)) * V::from_i8(block + 2 + i % 32);
  }
  V load_part(int64_t i, int64_t) const { return load(i); }  // rows are whole blocks: never called
};

// Packed rows, `row_bytes` apart.
struct PackedRows {
  const std::byte* data;
  int64_t row_bytes, row_count;
};

// y (rows, w.row_count) = x (rows, depth) times the transposed of w (w.row_count, depth).
template <class V, class W>
inline void multiply_packed(PackedRows w, In x, int64_t rows, int64_t depth, Out y) {
  const auto row_at = [&](int64_t o) {
    return W{w.data + (o < w.row_count ? o : w.row_count - 1) * w.row_bytes};
  };
  const int64_t outs = w.row_count;
  if (rows == 1) {
    for (int64_t o = 0; o < outs; o += 8) {
      W eight[8];
      for (int j = 0; j < 8; ++j) eight[j] = row_at(o + j);
      dots<V, W, 1, 8>(eight, x, depth, {y.data + o, y.stride}, outs - o);
    }
    return;
  }
  constexpr int kRows = V::kLanes == 16 ? 4 : 3;  // as many as there are registers for
  for (int64_t o = 0; o < outs; o += 4) {
    const W four[4] = {row_at(o), row_at(o + 1), row_at(o + 2), row_at(o + 3)};
    int64_t r = 0;
    for (; r + kRows <= rows; r += kRows) {
      dots<V, W, kRows, 4>(four, {x.row(r), x.stride}, depth, {y.row(r) + o, y.stride}, outs - o);
    }
    for (; r < rows; ++r) {
      dots<V, W, 1, 4>(four, {x.row(r), x.stride}, depth, {y.row(r) + o, y.stride}, outs - o);
    }
  }
}

// rows, depth and width of a product
struct Sizes {
  int64_t rows, depth, width;
};

// c (rows, width) = a (rows, depth) times the transposed of b (width, depth)
template <class V>
inline void multiply_transposed(In a, In b, Out c, Sizes sizes) {
  const auto* data = reinterpret_cast<const std::byte*>(b.data);
  multiply_packed<V, RowF32<V>>({data, b.stride * 4, sizes.width}, a, sizes.rows, sizes.depth, c);
}

// A block of c (kRows rows, kVecs whole vectors, or `width` elements of one) += a (kRows, depth) b,
// the columns of b from `column` on.
template <class V, class W, int kRows, int kVecs>
inline void multiply_block(In a, PackedRows b, int64_t column, Out c, int64_t depth,
                           int64_t width) {
  const auto lanes = [width](int) { return kVecs > 1 ? V::kLanes : width; };
  V sums[kRows][kVecs];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) sums[r][v] = load_some<V>(c.row(r) + v * V::kLanes, lanes(v));
  }
  const float* const end = a.data + depth;
  for (; a.data != end; ++a.data, b.data += b.row_bytes) {
    const W from{b.data};
    V row[kVecs];
    for (int v = 0; v < kVecs; ++v) {
      const int64_t at = column + v * V::kLanes, count = lanes(v);
      row[v] = count == V::kLanes ? from.load(at) : from.load_part(at, count);
    }
    for (int r = 0; r < kRows; ++r) {
      const V factor = V::all(*a.row(r));
      for (int v = 0; v < kVecs; ++v) sums[r][v] = V::fma(factor, row[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) store_some(sums[r][v], c.row(r) + v * V::kLanes, lanes(v));
  }
}

// Strips of kVecs vectors from `column` on, for groups of kRows rows; returns the first column that
// is left. The sum of an element is in the order of depth whatever the blocking.
template <class V, class W, int kRows, int kVecs>
inline int64_t multiply_strips(In a, PackedRows b, Out c, Sizes sizes, int64_t column) {
  constexpr int64_t kStrip = kVecs * V::kLanes;
  for (; column + (kVecs == 1 ? 1 : kStrip) <= sizes.width; column += kStrip) {
    const int64_t left = sizes.width - column < kStrip ? sizes.width - column : kStrip;
    for (int64_t r = 0; r + kRows <= sizes.rows; r += kRows) {
      multiply_block<V, W, kRows, kVecs>({a.row(r), a.stride}, b, column,
                                         {c.row(r) + column, c.stride}, sizes.depth, left);
    }
  }
  return column;
}

// c (rows, width) += a (rows, depth) b (depth, width)
template <class V, class W>
inline void multiply_add_packed(In a, PackedRows b, Out c, Sizes sizes) {
  const int64_t fours = sizes.rows / 4 * 4;
  const Sizes rest{sizes.rows - fours, sizes.depth, sizes.width};
  sizes.rows = fours;
  constexpr int kVecs = V::kLanes == 16 ? 4 : 2;  // as many as there are registers for
  multiply_strips<V, W, 4, 1>(a, b, c, sizes, multiply_strips<V, W, 4, kVecs>(a, b, c, sizes, 0));
  if (rest.rows == 0) return;
  a.data = a.row(fours);
  c.data = c.row(fours);
  multiply_strips<V, W, 1, 1>(a, b, c, rest, multiply_strips<V, W, 1, 4>(a, b, c, rest, 0));
}
template <class V>
inline void multiply_add(In a, In b, Out c, Sizes sizes) {
  const auto* data = reinterpret_cast<const std::byte*>(b.data);
  multiply_add_packed<V, RowF32<V>>(a, {data, b.stride * 4, sizes.depth}, c, sizes);
}

}  // namespace corvid::engine
