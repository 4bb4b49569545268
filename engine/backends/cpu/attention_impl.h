#pragma once
// Softmax attention block by block (online softmax, arXiv 1805.02867; arXiv 2205.14135): keys and
// values are read once for all queries of a part, and a query keeps its largest score, the sum of
// its weights and its weighted sum of values.

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/math_impl.h"

namespace corvid::engine {

// Rows of one head's keys or values at consecutive positions, as floats. `block` has room for them.
template <class V>
inline In kept_rows(TensorType type, const std::byte* from, int64_t stride, Sizes sizes,
                    float* block) {
  if (type == TensorType::f32) return {reinterpret_cast<const float*>(from), stride};
  const auto convert = [&](auto row_at, int64_t row_bytes) {
    for (int64_t t = 0; t < sizes.rows; ++t) {
      const auto row = row_at(from + t * row_bytes);
      for_vectors<V>(
          sizes.width,
          [&](int64_t i) { row.load(i).store(block + t * sizes.width + i); },
          [&](int64_t i, int64_t n) {
            row.load_part(i, n).store_part(block + t * sizes.width + i, n);
          });
    }
  };
  if (type == TensorType::f16) {
    convert([](const std::byte* row) { return Row16<V, V::from_f16>{row}; }, stride * 2);
  } else {
    convert([](const std::byte* row) { return RowQ8<V>{row}; }, stride / 32 * 34);
  }
  return {block, sizes.width};
}

// A part in scratch memory.
struct AttentionWork {
  int64_t count;          // queries
  float *queries, *sums;  // (count, key_dim), (count, value_dim)
  float *scores, *block;  // (count, kAttentionBlock), keys or values of a block
  float largest[kAttentionQueries], totals[kAttentionQueries];
};

// Makes weights of a query's scores [begin, end) of a block and takes them into its totals; the
// scores of positions that it does not see become 0, which adds nothing to its sums.
template <class V>
inline void soften(const AttentionArgs& args, AttentionWork& work, int64_t query, int64_t begin,
                   int64_t end, int64_t length) {
  float* const scores = work.scores + query * kAttentionBlock;
  for (int64_t t = 0; t < (begin < end ? begin : length); ++t) scores[t] = 0;
  if (begin >= end) return;
  for (int64_t t = end; t < length; ++t) scores[t] = 0;
  const bool is_first = work.totals[query] == 0;
  float largest = is_first ? scores[begin] : work.largest[query];
  for (int64_t t = begin; t < end; ++t) largest = scores[t] > largest ? scores[t] : largest;
  if (!is_first && largest > work.largest[query]) {
    const V keep = exp(V::all((work.largest[query] - largest) * args.scale));
    float one[V::kLanes];
    keep.store(one);
    work.totals[query] *= one[0];
    map<V>(work.sums + query * args.value_dim, args.value_dim,
           [&](int64_t, V value, int64_t) { return value * keep; });
  }
  work.largest[query] = largest;
  V total = V::zero();
  map<V>(scores + begin, end - begin, [&](int64_t, V value, int64_t n) {
    V weight = exp((value - V::all(largest)) * V::all(args.scale));
    if (n < V::kLanes) {  // lanes beyond the end must not count
      float part[V::kLanes];
      weight.store(part);
      weight = V::load_part(part, n);
    }
    total = total + weight;
    return weight;
  });
  work.totals[query] += total.sum();
}

// Whether no value is infinite or NaN.
template <class V>
inline bool are_finite(In rows, Sizes sizes) {
  V sum = V::zero();
  for (int64_t t = 0; t < sizes.rows; ++t) {
    const auto add = [&](V value) { sum = V::fma(value, V::zero(), sum); };
    for_vectors<V>(sizes.width, [&](int64_t i) { add(V::load(rows.row(t) + i)); },
                   [&](int64_t i, int64_t n) { add(V::load_part(rows.row(t) + i, n)); });
  }
  return sum.sum() == 0;
}

inline int64_t kept_bytes(TensorType type, int64_t values) {
  return type == TensorType::f32   ? values * 4
         : type == TensorType::f16 ? values * 2
                                   : values / 32 * 34;
}

// Rows of a kv head's keys or values, `dim` wide, from `position` on to the end of its page.
inline const std::byte* kept_at(const AttentionArgs& args, int64_t kv_head, int64_t position,
                                int64_t offset, int64_t dim) {
  const int64_t slot = position % args.page_tokens * args.kv_heads + kv_head;
  return args.pages[static_cast<size_t>(position / args.page_tokens)] + offset +
         kept_bytes(args.kv_type, slot * dim);
}

// They lie apart, which the processor does not foresee.
template <class V>
inline void prefetch_rows(const AttentionArgs& args, const std::byte* rows, int64_t dim,
                          int64_t count) {
  for (int64_t t = 0; t < count; ++t) {
    prefetch<V>(rows + kept_bytes(args.kv_type, t * args.kv_heads * dim),
                kept_bytes(args.kv_type, dim));
  }
}

// Adds the values (length, value_dim) of a block of which a query sees seen(query). Its weights are
// 0 elsewhere, which would not keep infinity and NaN from it.
template <class V, class Seen>
inline void add_values(const AttentionArgs& args, AttentionWork& work, In values, int64_t length,
                       Seen seen) {
  const int64_t width = args.value_dim;
  bool all_seen = true;
  for (int64_t i = 0; i < work.count; ++i) {
    all_seen = all_seen && seen(i).end - seen(i).first == length;
  }
  if (all_seen || are_finite<V>(values, {length, 0, width})) {
    return multiply_add<V>({work.scores, kAttentionBlock}, values, {work.sums, width},
                           {work.count, length, width});
  }
  for (int64_t i = 0; i < work.count; ++i) {
    const AttentionSpan own = seen(i);
    multiply_add<V>({work.scores + i * kAttentionBlock + own.first, kAttentionBlock},
                    {values.row(own.first), values.stride}, {work.sums + i * width, width},
                    {1, own.end - own.first, width});
  }
}

// What the positions [first, first + length), all in one page, add to the queries of a part.
template <class V>
inline void attend_block(const AttentionArgs& args, const AttentionPart& part, AttentionWork& work,
                         int64_t first, int64_t length) {
  // A few queries, all of one position, do not pay for rows as floats.
  constexpr int64_t kFewQueries = 16;
  using Half = Row16<V, V::from_f16>;
  const bool is_direct =
      args.kv_type == TensorType::f16 && part.rows == 1 && work.count <= kFewQueries;
  const int64_t kv_head = part.head / (args.heads / args.kv_heads), next = first + length;
  const int64_t key_stride = args.kv_heads * args.key_dim;
  const int64_t value_stride = args.kv_heads * args.value_dim;
  const auto keys_at = [&](int64_t position) {
    return kept_at(args, kv_head, position, args.key_offset, args.key_dim);
  };
  const std::byte* values = kept_at(args, kv_head, first, args.value_offset, args.value_dim);
  const In queries{work.queries, args.key_dim};
  const Out scores{work.scores, kAttentionBlock};
  prefetch_rows<V>(args, values, args.value_dim, length);
  if (is_direct) {
    multiply_packed<V, Half>({keys_at(first), key_stride * 2, length}, queries, work.count,
                             args.key_dim, scores);
  } else {
    const In keys = kept_rows<V>(args.kv_type, keys_at(first), key_stride,
                                 {length, 0, args.key_dim}, work.block);
    multiply_transposed<V>(queries, keys, scores, {work.count, args.key_dim, length});
  }
  if (next < attention_span(args, part.row, part.rows).end) {
    prefetch_rows<V>(args, keys_at(next), args.key_dim, length);
  }
  const auto seen = [&](int64_t query) {
    const AttentionSpan own = attention_span(args, part.row + query / part.heads, 1);
    const int64_t begin = own.first > first ? own.first - first : 0;
    const int64_t end = own.end - first < length ? own.end - first : length;
    return AttentionSpan{begin, end > begin ? end : begin};
  };
  for (int64_t i = 0; i < work.count; ++i) {
    const AttentionSpan own = seen(i);
    soften<V>(args, work, i, own.first, own.end, length);
  }
  if (is_direct) {
    return multiply_add_packed<V, Half>({work.scores, kAttentionBlock},
                                        {values, value_stride * 2, length},
                                        {work.sums, args.value_dim},
                                        {work.count, length, args.value_dim});
  }
  const In rows = kept_rows<V>(args.kv_type, values, value_stride, {length, 0, args.value_dim},
                               work.block);
  add_values<V>(args, work, rows, length, seen);
}

// Blocks begin and end at absolute positions, so that a row's result does not depend on the others.
template <class V>
inline void attend(const AttentionArgs& args, const AttentionPart& part, float* scratch) {
  AttentionWork work;
  work.count = part.rows * part.heads;
  work.queries = scratch;
  work.scores = work.queries + work.count * args.key_dim;
  work.sums = work.scores + work.count * kAttentionBlock;
  work.block = work.sums + work.count * args.value_dim;
  for (int64_t i = 0; i < work.count; ++i) {
    work.totals[i] = 0;
    work.largest[i] = 0;
    const int64_t row = part.row + i / part.heads, head = part.head + i % part.heads;
    const float* from = args.q + (row * args.heads + head) * args.key_dim;
    for (int64_t j = 0; j < args.key_dim; ++j) work.queries[i * args.key_dim + j] = from[j];
    for (int64_t j = 0; j < args.value_dim; ++j) work.sums[i * args.value_dim + j] = 0;
  }
  const AttentionSpan span = attention_span(args, part.row, part.rows);
  for (int64_t t = span.first; t < span.end;) {
    const int64_t slot = t % args.page_tokens, in_page = args.page_tokens - slot;
    const int64_t in_block = kAttentionBlock - slot % kAttentionBlock, left = span.end - t;
    int64_t length = in_block < in_page ? in_block : in_page;
    length = left < length ? left : length;
    attend_block<V>(args, part, work, t, length);
    t += length;
  }
  for (int64_t i = 0; i < work.count; ++i) {
    const int64_t row = part.row + i / part.heads, head = part.head + i % part.heads;
    float* y = args.y + (row * args.heads + head) * args.value_dim;
    const float *from = work.sums + i * args.value_dim, share = 1 / work.totals[i];
    for (int64_t j = 0; j < args.value_dim; ++j) y[j] = from[j] * share;
  }
}

}  // namespace corvid::engine
