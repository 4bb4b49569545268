#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/layers/batch.h"
#include "engine/layers/model_reader.h"
#include "engine/layers/residual_stack.h"

namespace corvid::engine {

// Multi-token prediction: small blocks behind the trunk that guess further tokens (DeepSeek-V3,
// arXiv 2412.19437 section 2.2). Row t of the first block takes token t and the trunk's hidden
// state of row t - 1 (zero before row 0) and gives logits of token t + 1; row t of each further
// block takes token t and the state that the block before gave for row t - 1. Their keys and values
// and the hidden states of the last row are part of the sequence's memory.
class DraftHead {
 public:
  // `after_norm`: the states that are handed on are those after the output norm or the block's own.
  DraftHead(const ResidualStack& stack, MemorySpec& memory, Ops& ops, bool after_norm);

  struct Part {
    std::string norm;  // tensor
    Layer layer;       // the first of a block holds all of its keys and values
  };
  // `block` is the prefix of the tensors nextn.*.
  void add(const ModelReader& reader, const std::string& block, std::vector<Part> parts);

  // Brings the head over a batch that the trunk has just passed; x (rows, dim) is what it left.
  void follow(const Batch& batch, std::span<const float> x) const;

  // As Model::draft().
  std::vector<int32_t> draft(SequenceMemory& memory, int32_t next, int count,
                             std::span<float> logits) const;

 private:
  struct Block {
    std::vector<float> embedding_norm, hidden_norm, head_norm;
    std::optional<Matrix> embedding, output;  // else the trunk's
    Linear join;
    std::vector<std::vector<float>> norms;
    std::vector<Layer> layers;
    int64_t pending = 0;  // the hidden state for the next row, in the sequence's state
  };
  enum class Depth { keys_and_values, whole };

  std::vector<float> run(const Block& block, const Batch& batch, std::span<const float> hidden,
                         Depth depth) const;
  void norm(const std::vector<float>& weight, const float* x, int64_t rows, float* y) const;
  std::vector<float> shifted(const Block& block, const Batch& batch,
                             std::span<const float> hidden) const;
  std::vector<float> handed_on(const Block& block, const std::vector<float>& x) const;

  const ResidualStack& stack_;
  MemorySpec& memory_;
  Ops& ops_;
  bool after_norm_;
  std::vector<Block> blocks_;
};

}  // namespace corvid::engine
