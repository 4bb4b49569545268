#pragma once

#include <span>
#include <vector>

#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/workers.h"

namespace corvid::engine {

// Matrix products: the activations of all of them are brought into the form that their kernels
// read, then the threads share out all columns, so that they meet twice however many there are.
class Products {
 public:
  Products(const Kernels& kernels, Workers& workers, bool int8_activations)
      : kernels_(kernels), workers_(workers), int8_activations_(int8_activations) {}

  void run(std::span<const Product> products);

 private:
  enum class Kind { packed, int8, quantized, plain };

  // A part of the work that is numbered from `first` on.
  struct Units {
    int64_t first = 0, count = 0;
  };
  // Activations that consecutive products read, by rows.
  struct Input : Units {
    const Product* product = nullptr;
    Kind kind = Kind::plain;
    PackedShape shape;
    int64_t at = 0;  // of its values among those of its kind
  };
  // A product, by blocks of rows of panels, or by kColumns columns.
  struct Step : Units {
    const Product* product = nullptr;
    Kind kind = Kind::plain;
    size_t input = 0;
    int64_t block = 0;
  };

  Kind kind_of(const Matrix& w) const;
  void plan(std::span<const Product> products);
  size_t find_input(const Product& product, Kind kind);
  void pack(const Matrix& w);
  void prepare(const Input& input, int64_t begin, int64_t end);
  void multiply(const Step& step, int worker, int64_t begin, int64_t end);
  void multiply_packed(const Step& step, int64_t begin, int64_t end);
  TiledRows tiles(const Input& input);

  const Kernels& kernels_;
  Workers& workers_;
  bool int8_activations_;
  PackedMemory packed_memory_;
  std::vector<Input> inputs_;
  std::vector<Step> steps_;
  TiledBuffer tiled_;
  RoundedBuffer rounded_;
  std::vector<float> gathered_;
};

}  // namespace corvid::engine
