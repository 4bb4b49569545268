#include "engine/outline.h"

#include <algorithm>
#include <vector>

#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/models/model.h"

namespace corvid::engine {
namespace {

constexpr int64_t kBlocksMax = 4096;

char mixer(const GgufFile& file, const std::string& block, bool windowed) {
  const auto has = [&](const char* name) { return file.tensor(block + name) != nullptr; };
  if (has("ssm_f_a.weight")) return has("ssm_write.weight") ? 'D' : 'K';
  if (has("ssm_ba.weight") || has("ssm_beta.weight")) return 'D';
  if (has("ssm_in.weight")) return 'M';
  if (has("attn_kv_a_mqa.weight")) return 'L';
  const bool attends = has("attn_q.weight") || has("attn_qkv.weight");
  if (attends && has("ssm_norm.weight")) return 'R';
  if (attends) return windowed ? 'S' : 'A';
  return 0;
}

char ffn(const GgufFile& file, const std::string& block) {
  if (file.tensor(block + "ffn_gate_inp.weight") != nullptr) return 'E';
  return file.tensor(block + "ffn_up.weight") != nullptr ? '-' : '\0';
}

// Entry i says whether block i attends to a window only.
std::vector<bool> windows(const GgufFile& file, const std::string& prefix, size_t block_count) {
  const bool has_window = file.integer(prefix + "attention.sliding_window").value_or(0) > 0;
  const std::string key = prefix + "attention.sliding_window_pattern";
  std::vector<bool> pattern(block_count, has_window);
  if (has_window && file.is_array(key)) {
    pattern = file.bool_array(key).value_or(pattern);
    pattern.resize(block_count);
  }
  return pattern;
}

int64_t decode_bytes(const GgufFile& file, const std::string& prefix, int64_t trunk) {
  const int64_t experts = file.integer(prefix + "expert_count").value_or(0);
  const int64_t used = file.integer(prefix + "expert_used_count").value_or(0);
  const bool tied = file.tensor("output.weight") == nullptr;
  int64_t bytes = 0;
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name == "token_embd.weight" && !tied) continue;
    if (tensor.name.starts_with("blk.")) {
      const int64_t block = std::strtoll(tensor.name.c_str() + 4, nullptr, 10);
      if (block >= trunk) continue;
    }
    const bool chosen = tensor.name.find("_exps.") != std::string::npos && experts > 0;
    bytes += chosen ? tensor.bytes / experts * std::min(used, experts) : tensor.bytes;
  }
  return bytes;
}

}  // namespace

ModelOutline outline(const GgufFile& file) {
  const std::string prefix = file.string("general.architecture").value_or("") + ".";
  ModelOutline result;
  result.block_count =
      std::clamp<int64_t>(file.integer(prefix + "block_count").value_or(0), 0, kBlocksMax);
  result.draft_block_count = std::clamp<int64_t>(
      file.integer(prefix + "nextn_predict_layers").value_or(0), 0, result.block_count);
  const int64_t trunk = result.block_count - result.draft_block_count;
  const auto windowed = windows(file, prefix, static_cast<size_t>(result.block_count));
  bool two = false;
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    const char first = mixer(file, block, windowed[static_cast<size_t>(i)]);
    const char second = ffn(file, block);
    result.layers += first != 0 ? first : second != 0 ? second : '?';
    result.ffn += first != 0 && second != 0 ? second : ' ';
    two = two || (first != 0 && second != 0);
  }
  if (!two) result.ffn.clear();
  for (const TensorView& tensor : file.tensors()) result.parameter_count += tensor.element_count();
  result.decode_bytes = decode_bytes(file, prefix, trunk);
  return result;
}

std::optional<MemoryNeeds> memory_needs(const GgufFile& file) {
  for (const TensorView& tensor : file.tensors()) {
    if (!type_info(tensor.type).evaluated) return std::nullopt;
  }
  if (!is_known_architecture(file.string("general.architecture").value_or(""))) {
    return std::nullopt;
  }
  const auto ops = make_ops("reference", {});
  const auto model = make_model(file, *ops);
  const MemorySpec& memory = model->memory_spec();
  MemoryNeeds needs;
  needs.state_bytes = memory.state_floats * static_cast<int64_t>(sizeof(float));
  needs.kv_bytes_per_token = memory.page_floats / kPageTokens * static_cast<int64_t>(sizeof(float));
  return needs;
}

}  // namespace corvid::engine
