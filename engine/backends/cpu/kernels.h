#pragma once

#include <cstdint>
#include <string>

#include "engine/backends/cpu/packed.h"
#include "engine/backends/cpu/quantized.h"
#include "engine/backends/ops.h"

namespace corvid::engine {

inline constexpr int64_t kAttentionQueries = 64;  // at most, of one part
inline constexpr int64_t kAttentionBlock = 64;    // positions that are worked on together

// Rows and heads of one part of an attention; the heads share a kv head.
struct AttentionPart {
  int64_t row = 0, rows = 1, head = 0, heads = 1;
};

// Positions [first, end) that any of `rows` rows from `row` on sees.
struct AttentionSpan {
  int64_t first = 0, end = 0;
};
inline AttentionSpan attention_span(const AttentionArgs& args, int64_t row, int64_t rows) {
  if (!args.causal) return {0, args.first_position + args.rows};
  const int64_t oldest = args.window > 0 ? args.first_position + row - args.window + 1 : 0;
  return {oldest > 0 ? oldest : 0, args.first_position + row + rows};
}

// The kernels of one instruction set. Each does a part of an operation that depends on no other
// part, so that any number of threads gives the same bits. `scratch` has the floats that
// *_scratch() say.
struct Kernels {
  const char* name;
  // Columns [begin, end) of y; begin is a multiple of kColumns.
  void (*matmul)(const MatmulArgs& args, int64_t begin, int64_t end, float* scratch);
  // The same for quantized weights other than Q8_0; null: they are decoded into the scratch.
  void (*quantized_matmul)(const MatmulArgs& args, int64_t begin, int64_t end);
  // The same for x rounded to 8 bits.
  void (*int8_matmul)(const Int8Args& args, int64_t begin, int64_t end);
  // Panels [begin, end) of packed weights, and of the rounded rows that it needs rows [begin, end);
  // null: no packing.
  void (*packed_matmul)(const PackedArgs& args, int64_t begin, int64_t end);
  void (*round_tiles)(const RoundTilesArgs& args, int64_t begin, int64_t end);
  void (*norm)(const NormArgs& args);
  void (*mix)(const MixArgs& args, int64_t begin, int64_t end);  // these rows
  void (*add)(const float* x, float* y, int64_t count);
  void (*activate)(Activation kind, float* x, int64_t count);
  void (*gate)(Activation kind, const float* gate, float* x, int64_t count);
  void (*affine)(const float* scale, const float* bias, float* x, int64_t rows, int64_t width);
  void (*attention)(const AttentionArgs& args, const AttentionPart& part, float* scratch);
  void (*conv)(const ConvArgs& args, int64_t begin, int64_t end);  // these channels
  void (*delta)(const DeltaArgs& args, int64_t head, float* scratch);  // a key head's value heads
  void (*ssd)(const SsdArgs& args, int64_t group, float* scratch);
};

inline constexpr int64_t kColumns = 8;      // matmul computes so many outputs at a time

int64_t matmul_scratch(const Matrix& w);  // where there is no quantized_matmul
int64_t attention_scratch(const AttentionArgs& args, int64_t queries);
int64_t delta_scratch(const DeltaArgs& args);
int64_t ssd_scratch(const SsdArgs& args);

// The kernels for a level: empty takes CORVID_CPU, else the best this CPU has. Throws not_found
// naming the known levels; unsupported for one that this CPU lacks.
const Kernels& find_kernels(std::string level);

}  // namespace corvid::engine
