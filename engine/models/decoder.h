#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/layers/draft_head.h"
#include "engine/layers/model_reader.h"
#include "engine/layers/residual_stack.h"
#include "engine/models/model.h"

namespace corvid::engine {

// A model that is a ResidualStack, perhaps with a draft head; an architecture file fills it.
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
  void forward(const Batch& batch, const Outputs& out) const override;
  bool enable_draft() override;
  std::vector<int32_t> draft(SequenceMemory& memory, int32_t next, int count,
                             std::span<float> logits) const override;

  ResidualStack& stack() { return stack_; }
  MemorySpec& memory() { return memory_; }

  // How the draft head is read, should it be wanted; called at most once. Throws like ModelReader.
  using MakeDraft = std::function<std::unique_ptr<DraftHead>(const ResidualStack&, MemorySpec&)>;
  void set_draft(MakeDraft make) { make_draft_ = std::move(make); }

 private:
  static constexpr int32_t kBlocksMax = 4096;

  ModelConfig config_;
  MemorySpec memory_;
  ResidualStack stack_;
  MakeDraft make_draft_;
  std::unique_ptr<DraftHead> draft_;
};

inline std::string block_prefix(int64_t index) { return "blk." + std::to_string(index) + "."; }

// Blocks in front of those of a draft head, at least 1.
int64_t trunk_blocks(const ModelReader& reader, int64_t block_count);

// Whether the tensors of a draft head are there; files may name its blocks and leave them out.
bool has_draft_blocks(const ModelReader& reader, int64_t trunk, int64_t block_count);

}  // namespace corvid::engine
