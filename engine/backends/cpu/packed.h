#pragma once
// Quantized weights in the order in which a kernel reads them: panels of 16 outputs, four
// consecutive values of each side by side, so that 64 bytes hold four steps of 16 products.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backends/ops.h"

namespace corvid::engine {

inline constexpr int64_t kPanel = 16;  // outputs
inline constexpr int64_t kSuper = 8;   // groups of 32 values that share a scale of scales

// How a type is packed. Weight w is stored as w + offset, not negative.
struct PackedShape {
  int bits = 0;        // 4, 6 or 8 per weight; 0: the type is not packed
  int halves = 1;      // scales per group
  bool has_min = false;
  bool is_super = false;  // scales are d times a whole number, d being of kSuper groups
  int offset = 0;
};

constexpr PackedShape packed_shape(TensorType type) {
  switch (type) {
    case TensorType::q4_0: return {4, 1, false, false, 8};
    case TensorType::q4_1: return {4, 1, true, false, 0};
    case TensorType::q4_k: return {4, 1, true, true, 0};
    case TensorType::q5_0: return {6, 1, false, false, 16};
    case TensorType::q5_1: return {6, 1, true, false, 0};
    case TensorType::q5_k: return {6, 1, true, true, 0};
    case TensorType::q6_k: return {6, 2, false, true, 32};
    case TensorType::q8_0: return {8, 1, false, false, 128};
    default: return {};
  }
}

// Pointers are to the first panel; panels follow each other without a gap. Scales and minima are
// F16 bits, or where the shape is_super whole numbers.
struct PackedMatrix {
  TensorType type = TensorType::f32;
  int64_t in = 0, out = 0, panels = 0;
  std::byte* weights = nullptr;      // (panels, groups, 64 * bits)
  std::byte *scales = nullptr, *mins = nullptr;  // (panels, groups, halves, 16), (.., groups, 16)
  std::byte *supers = nullptr, *super_mins = nullptr;  // (panels, groups / kSuper, 16) F16
  std::shared_ptr<std::byte> memory;
};

// Memory for many packed matrices in a few large blocks, each of which lives as long as one of its
// matrices.
class PackedMemory {
 public:
  // Aligned to a cache line; `owner` keeps it.
  std::byte* take(int64_t bytes, std::shared_ptr<std::byte>& owner);

 private:
  std::shared_ptr<std::byte> slab_;
  std::byte* next_ = nullptr;
  int64_t left_ = 0;
};

// Whether packing pays: a quantized type with a shape, and not only a few outputs.
bool can_pack(const Matrix& w);
std::shared_ptr<PackedMatrix> make_packed(const Matrix& w, PackedMemory& memory);
// Panels [begin, end); different ones may be packed by different threads.
void pack_panels(const Matrix& w, PackedMatrix& packed, int64_t begin, int64_t end);

// Rows of activations that a kernel takes at once: 12, then 8, then 4, then the rest.
constexpr int64_t kTileRows = 12;
constexpr int64_t tile_rows(int64_t left) {
  return left >= kTileRows ? kTileRows : left >= 8 ? 8 : left >= 4 ? 4 : left;
}

// Activations rounded to 8 bits as in RoundedRows, tile after tile. In a tile of n rows group g of
// row r is at index g * n + r.
struct TiledRows {
  int8_t* q = nullptr;      // (index, 32)
  float* d = nullptr;       // (index)
  float* sums = nullptr;    // (index) d times the sum of q
  int32_t* start = nullptr; // (index, halves) minus the offset times the sum of q of that half
  int halves = 1;

  TiledRows from(int64_t index) const {
    return {q + index * 32, d + index, sums + index, start + index * halves, halves};
  }
};

struct RoundTilesArgs {
  const float* x = nullptr;       // rows of `in` values
  const int32_t* from = nullptr;  // (rows) which of them; null: the first
  int64_t rows = 0, in = 0;
  PackedShape shape;
  TiledRows out;
};

struct PackedArgs {
  const PackedMatrix& w;
  TiledRows x;
  int64_t rows = 0;            // of x
  int64_t begin = 0, end = 0;  // of them those to be multiplied; begin is a multiple of kTileRows
  float* y = nullptr;  // (rows, w.out)
};

// Panels [begin, end) of y. A row's result does not depend on the others.
void packed_matmul_avx2(const PackedArgs& args, int64_t begin, int64_t end);
void packed_matmul_avx512(const PackedArgs& args, int64_t begin, int64_t end);
// Rows [begin, end).
void round_tiles_avx2(const RoundTilesArgs& args, int64_t begin, int64_t end);
void round_tiles_avx512(const RoundTilesArgs& args, int64_t begin, int64_t end);

// Keeps rounded rows until the next time.
class TiledBuffer {
 public:
  void reserve(int64_t values);
  TiledRows at(int64_t index, int halves);

 private:
  std::vector<int8_t> q_;
  std::vector<float> d_, sums_;
  std::vector<int32_t> start_;
};

}  // namespace corvid::engine
