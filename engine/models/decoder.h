#pragma once

#include <memory>
#include <utility>

#include "engine/layers/model_reader.h"
#include "engine/layers/residual_stack.h"
#include "engine/models/model.h"

namespace corvid::engine {

// A model that is a ResidualStack and nothing else; an architecture file fills it.
class Decoder final : public Model {
 public:
  Decoder(const ModelReader& reader, Ops& ops) : stack_(reader, ops) {
    config_.dim = static_cast<int32_t>(stack_.dim());
    config_.layer_count = static_cast<int32_t>(reader.count("block_count"));
    reader.require(config_.layer_count <= kBlocksMax, "impossible " + reader.key("block_count"));
    config_.vocab_size = static_cast<int32_t>(stack_.vocab_size());
    config_.context_max = static_cast<int32_t>(reader.count_or("context_length", 0));
  }

  const ModelConfig& config() const override { return config_; }
  const MemorySpec& memory_spec() const override { return memory_; }
  void forward(const Batch& batch, std::span<float> logits) const override {
    stack_.forward(batch, logits);
  }

  ResidualStack& stack() { return stack_; }
  MemorySpec& memory() { return memory_; }

 private:
  static constexpr int32_t kBlocksMax = 4096;

  ModelConfig config_;
  MemorySpec memory_;
  ResidualStack stack_;
};

inline std::string block_prefix(int64_t index) { return "blk." + std::to_string(index) + "."; }

}  // namespace corvid::engine
