#pragma once
// Elementary functions and small matrix products over a vector class V (vec_portable.h). Everything is a
// template on V, so that code for one instruction set never gets into another's object file.

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

// kOut dot products of kRows rows of x with kOut weight rows. Each product is summed in one vector in
// the order of i, whatever kRows and kOut are: the results of a row do not depend on the others.
template <class V, class W, int kRows, int kOut>
inline void dots(const W* w, const float* x, int64_t x_stride, int64_t count, float* y,
                 int64_t y_stride, int64_t out_count) {
  V sums[kRows][kOut];
  for (auto& row : sums) {
    for (V& sum : row) sum = V::zero();
  }
  const auto step = [&](int64_t i, auto load_w, auto load_x) {
    V row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = load_x(x + r * x_stride + i);
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
      for (int64_t j = 0; j < 4 && o + j < out_count; ++j) y[r * y_stride + o + j] = out[j];
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

// y (rows, outs) = x (rows, count) times the transposed of w (outs, count); strides in floats, of W in
// bytes.
template <class V, class W>
inline void matmul_nt(const std::byte* w, int64_t w_stride, int64_t outs, const float* x,
                      int64_t x_stride, int64_t rows, int64_t count, float* y, int64_t y_stride) {
  const auto row_at = [&](int64_t o) { return W{w + (o < outs ? o : outs - 1) * w_stride}; };
  if (rows == 1) {
    for (int64_t o = 0; o < outs; o += 8) {
      W eight[8];
      for (int j = 0; j < 8; ++j) eight[j] = row_at(o + j);
      dots<V, W, 1, 8>(eight, x, x_stride, count, y + o, y_stride, outs - o);
    }
    return;
  }
  for (int64_t o = 0; o < outs; o += 4) {
    const W four[4] = {row_at(o), row_at(o + 1), row_at(o + 2), row_at(o + 3)};
    int64_t r = 0;
    for (; r + 3 <= rows; r += 3) {
      dots<V, W, 3, 4>(four, x + r * x_stride, x_stride, count, y + r * y_stride + o, y_stride,
                       outs - o);
    }
    for (; r < rows; ++r) {
      dots<V, W, 1, 4>(four, x + r * x_stride, x_stride, count, y + r * y_stride + o, y_stride,
                       outs - o);
    }
  }
}

template <class V>
inline void matmul_nt(const float* w, int64_t w_stride, int64_t outs, const float* x,
                      int64_t x_stride, int64_t rows, int64_t count, float* y, int64_t y_stride) {
  matmul_nt<V, RowF32<V>>(reinterpret_cast<const std::byte*>(w), w_stride * 4, outs, x, x_stride,
                          rows, count, y, y_stride);
}

// A block of c (kRows rows from one on, `width` <= kVecs vectors) += a (kRows, depth) b (depth, width).
template <class V, int kRows, int kVecs>
inline void multiply_block(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                           int64_t depth, int64_t width, float* c, int64_t c_stride) {
  const auto lanes = [&](int v) {
    const int64_t left = width - v * V::kLanes;
    return left < V::kLanes ? left : V::kLanes;
  };
  V sums[kRows][kVecs];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) {
      sums[r][v] = load_some<V>(c + r * c_stride + v * V::kLanes, lanes(v));
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    V row[kVecs];
    for (int v = 0; v < kVecs; ++v) row[v] = load_some<V>(b + k * b_stride + v * V::kLanes, lanes(v));
    for (int r = 0; r < kRows; ++r) {
      const V factor = V::all(a[r * a_stride + k]);
      for (int v = 0; v < kVecs; ++v) sums[r][v] = V::fma(factor, row[v], sums[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVecs; ++v) {
      float* to = c + r * c_stride + v * V::kLanes;
      lanes(v) == V::kLanes ? sums[r][v].store(to) : sums[r][v].store_part(to, lanes(v));
    }
  }
}

// c (rows, width) += a (rows, depth) b (depth, width)
template <class V>
inline void multiply_add(const float* a, int64_t a_stride, const float* b, int64_t b_stride,
                         int64_t rows, int64_t depth, int64_t width, float* c, int64_t c_stride) {
  constexpr int64_t kBlock = 2 * V::kLanes;
  int64_t column = 0;
  const auto strip = [&](auto block4, auto block1) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) block4(r);
    for (; r < rows; ++r) block1(r);
  };
  for (; column + kBlock <= width; column += kBlock) {
    const float* from = b + column;
    float* to = c + column;
    strip([&](int64_t r) { multiply_block<V, 4, 2>(a + r * a_stride, a_stride, from, b_stride, depth,
                                                   kBlock, to + r * c_stride, c_stride); },
          [&](int64_t r) { multiply_block<V, 1, 2>(a + r * a_stride, a_stride, from, b_stride, depth,
                                                   kBlock, to + r * c_stride, c_stride); });
  }
  for (; column < width; column += V::kLanes) {
    const int64_t left = width - column < V::kLanes ? width - column : V::kLanes;
    const float* from = b + column;
    float* to = c + column;
    strip([&](int64_t r) { multiply_block<V, 4, 1>(a + r * a_stride, a_stride, from, b_stride, depth,
                                                   left, to + r * c_stride, c_stride); },
          [&](int64_t r) { multiply_block<V, 1, 1>(a + r * a_stride, a_stride, from, b_stride, depth,
                                                   left, to + r * c_stride, c_stride); });
  }
}

}  // namespace corvid::engine
