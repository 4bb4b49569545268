#include "engine/outline.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/models/model.h"
#include "engine/state/kv_type.h"

namespace corvid::engine {
namespace {

constexpr int64_t kBlocksMax = 4096;

// The architecture's keys, per block where they differ by block.
class Keys {
 public:
  explicit Keys(const GgufFile& file)
      : file_(file), prefix_(file.string("general.architecture").value_or("") + ".") {}

  bool has(const char* name) const { return file_.has(prefix_ + name); }
  // At least 0; what is impossible is 0.
  int64_t count(const char* name, int64_t otherwise = 0) const {
    if (file_.is_array(prefix_ + name)) return count_at(name, 0);
    return limited(file_.integer(prefix_ + name).value_or(otherwise));
  }
  // A single value stands for all blocks.
  int64_t count_at(const char* name, size_t block, int64_t otherwise = 0) const {
    if (!file_.is_array(prefix_ + name)) return count(name, otherwise);
    const auto values = file_.int_array(prefix_ + name).value_or(std::vector<int64_t>{});
    return block < values.size() ? limited(values[block]) : otherwise;
  }
  bool flag_at(const char* name, size_t block) const {
    const auto values = file_.bool_array(prefix_ + name).value_or(std::vector<bool>{});
    return values.size() == 1 ? values[0] : block < values.size() && values[block];
  }

 private:
  static int64_t limited(int64_t value) {
    return value >= 0 && value < (int64_t{1} << 28) ? value : 0;
  }
  const GgufFile& file_;
  std::string prefix_;
};

// What keys alone say of a block: its mixer or 0, and what follows it.
struct BlockKeys {
  char mixer = 0, ffn = 0;
};

char ffn_by_keys(const Keys& keys, size_t i) {
  const bool experts = keys.count("expert_count") > 0 &&
                       static_cast<int64_t>(i) >= keys.count("leading_dense_block_count");
  if (experts) return 'E';
  return keys.count_at("feed_forward_length", i) > 0 ? '-' : '\0';
}

BlockKeys by_keys(const Keys& keys, size_t i, bool windowed) {
  const char attention = windowed ? 'S' : 'A';
  const bool has_kv = keys.count_at("attention.head_count_kv", i,
                                    keys.count_at("attention.head_count", i)) > 0;
  if (keys.has("kda.head_dim")) return {has_kv ? 'L' : 'K', ffn_by_keys(keys, i)};
  if (keys.has("attention.recurrent_layers")) {
    const char recurrent = keys.has("gdn2.output_gate") || !keys.has("ssm.inner_size") ||
                                   keys.has("full_attention_interval") ? 'D' : 'R';
    const bool is_recurrent = keys.flag_at("attention.recurrent_layers", i);
    return {is_recurrent ? recurrent : attention, ffn_by_keys(keys, i)};
  }
  if (keys.has("ssm.inner_size") && keys.has("full_attention_interval")) {
    const int64_t interval = std::max<int64_t>(1, keys.count("full_attention_interval"));
    const bool attends = (static_cast<int64_t>(i) + 1) % interval == 0;
    return {attends ? attention : 'D', ffn_by_keys(keys, i)};
  }
  if (keys.has("ssm.inner_size")) {  // one part per block
    if (keys.count_at("feed_forward_length", i) > 0) {
      return {0, keys.count("expert_count") > 0 ? 'E' : '-'};
    }
    return {has_kv ? attention : 'M', 0};
  }
  return {has_kv ? attention : '\0', ffn_by_keys(keys, i)};
}

// Floats of state of one block, and of keys and values per token.
std::pair<int64_t, int64_t> block_floats(const Keys& keys, char mixer, size_t i) {
  const int64_t taps = std::max<int64_t>(1, keys.count("ssm.conv_kernel", 1)) - 1;
  const int64_t inner = keys.count("ssm.inner_size"), state = keys.count("ssm.state_size");
  const int64_t groups = keys.count("ssm.group_count");
  const int64_t heads = keys.count_at("attention.head_count", i);
  switch (mixer) {
    case 'M':
    case 'D': return {inner * state + taps * (inner + 2 * groups * state), 0};
    case 'R': return {inner * state + taps * 3 * inner, 0};
    case 'K': {
      const int64_t width = heads * keys.count("kda.head_dim");
      return {width * keys.count("kda.head_dim") + taps * 3 * width, 0};
    }
    case 'L': {
      const int64_t latent = keys.count("attention.kv_lora_rank");
      return {0, 2 * latent + keys.count("rope.dimension_count")};
    }
    case 'A':
    case 'S': {
      const int64_t width = keys.count("embedding_length") / std::max<int64_t>(1, heads);
      const int64_t key = keys.count("attention.key_length", width);
      return {0, keys.count_at("attention.head_count_kv", i, heads) *
                     (key + keys.count("attention.value_length", key))};
    }
    default: return {0, 0};
  }
}

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

MemoryNeeds needs(const MemorySpec& memory, TensorType kv_type) {
  const TypeInfo& kept = type_info(kv_type);
  MemoryNeeds result{.state_bytes = memory.state_floats * static_cast<int64_t>(sizeof(float)),
                     .kv_type = std::string(kept.name)};
  for (const MemorySpec::PageList& list : memory.lists) {
    const int64_t bytes = list.values / kPageTokens / kept.block_elements * kept.block_bytes;
    if (list.window == 0) result.kv_bytes_per_token += bytes;
    result.window_bytes += bytes * list.window;
    result.window_tokens = std::max(result.window_tokens, list.window);
  }
  return result;
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
  const Keys keys(file);
  bool two = false;
  for (int64_t i = 0; i < trunk; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    const bool window = windowed[static_cast<size_t>(i)];
    char first = mixer(file, block, window), second = ffn(file, block);
    if (file.tensors().empty()) {
      const BlockKeys known = by_keys(keys, static_cast<size_t>(i), window);
      first = known.mixer;
      second = known.ffn;
    }
    result.layers += first != 0 ? first : second != 0 ? second : '?';
    result.ffn += first != 0 && second != 0 ? second : ' ';
    two = two || (first != 0 && second != 0);
  }
  if (!two) result.ffn.clear();
  for (const TensorView& tensor : file.tensors()) result.parameter_count += tensor.element_count();
  result.decode_bytes = decode_bytes(file, prefix, trunk);
  return result;
}

std::optional<MemoryNeeds> memory_needs(const GgufFile& file, const EngineOptions& options) {
  for (const TensorView& tensor : file.tensors()) {
    if (!type_info(tensor.type).evaluated) return std::nullopt;
  }
  if (!is_known_architecture(file.string("general.architecture").value_or(""))) {
    return std::nullopt;
  }
  if (file.tensors().empty()) {
    const Keys keys(file);
    const std::string layers = outline(file).layers;
    MemorySpec memory;
    for (size_t i = 0; i < layers.size(); ++i) {
      const auto [state, kv] = block_floats(keys, layers[i], i);
      memory.add_state(state);
      const int64_t window = layers[i] == 'S' ? keys.count("attention.sliding_window") : 0;
      memory.add_kv(1, kv, 0, window);
    }
    return needs(memory, choose_kv_type(options, file, {}));
  }
  const auto ops = make_ops("reference", {});
  const auto model = make_model(file, *ops);
  if (options.draft_head) model->enable_draft();
  const MemorySpec& memory = model->memory_spec();
  return needs(memory, choose_kv_type(options, file, memory));
}

}  // namespace corvid::engine
