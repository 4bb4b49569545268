#include "engine/models/decoder.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace corvid::engine {

void Decoder::forward(const Batch& batch, const Outputs& out) const {
  const std::vector<float> x = stack_.trunk(batch);
  if (!out.logits.empty()) stack_.logits(batch, x, out.logits);
  if (!out.hidden.empty()) {
    CHECK(out.hidden.size() == x.size());
    stack_.output_norm(x.data(), batch.rows(), out.hidden.data());
  }
  if (draft_) draft_->follow(batch, x);
}

bool Decoder::enable_draft() {
  if (!draft_ && make_draft_) draft_ = make_draft_(stack_, memory_);
  return draft_ != nullptr;
}

std::vector<int32_t> Decoder::draft(SequenceMemory& memory, int32_t next, int count,
                                    std::span<float> logits) const {
  if (!draft_) return {};
  return draft_->draft(memory, next, count, logits);
}

int64_t trunk_blocks(const ModelReader& reader, int64_t block_count) {
  const int64_t trunk = block_count - reader.count_or("nextn_predict_layers", 0);
  reader.require(trunk > 0, "impossible " + reader.key("nextn_predict_layers"));
  return trunk;
}

bool has_draft_blocks(const ModelReader& reader, int64_t trunk, int64_t block_count) {
  for (int64_t i = trunk; i < block_count; ++i) {
    if (!reader.has(block_prefix(i) + "nextn.eh_proj.weight")) return false;
  }
  return trunk < block_count;
}

}  // namespace corvid::engine
