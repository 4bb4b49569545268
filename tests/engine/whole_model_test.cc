// What a file holds of a model is used: keys that are missing are made up for by the tensors, and
// tensors that no layer asks for are refused.

#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

namespace fs = std::filesystem;

constexpr EngineOptions kOneThread{"cpu", "", 1};

std::vector<float> some_logits(const fs::path& path) {
  const auto model = Engine::load(path, kOneThread);
  const auto sequence = model->open();
  return append(*model, *sequence, std::vector<Token>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
}

// The file in which `from`, wherever it stands, is `to`, of the same length.
fs::path renamed(const fs::path& path, const fs::path& to_path, const std::string& from,
                 const std::string& to) {
  std::string bytes = read_file(path);
  REQUIRE(bytes.find(from) != std::string::npos);
  for (size_t at = 0; (at = bytes.find(from, at)) != std::string::npos;) {
    bytes.replace(at, from.size(), to);
  }
  write_file_atomic(to_path, bytes);
  return to_path;
}

fs::path without_key(const fs::path& path, const fs::path& to, const std::string& key) {
  return renamed(path, to, key, key.substr(0, key.size() - 1) + "~");
}

// Attention and experts, shared ones among them; `extra` adds to the file.
void write_shared_experts(const fs::path& path, const std::function<void(ModelWriter&)>& extra) {
  constexpr int64_t kExperts = 3;
  RandomModel m;
  m.blocks = "A";
  ModelWriter w("qwen3moe", m.type, 3);
  write_common(w, m);
  w.integer("attention.head_count", m.head_count);
  w.integer("attention.head_count_kv", m.kv_head_count);
  w.integer("feed_forward_length", m.hidden_dim);
  w.integer("expert_count", kExperts);
  w.integer("expert_used_count", 2);
  w.integer("expert_feed_forward_length", m.hidden_dim);
  w.integer("expert_shared_feed_forward_length", 16);
  const std::string block = block_name(0);
  w.norm(block + "attn_norm", {m.dim});
  write_attention(w, m, block);
  w.norm(block + "ffn_norm", {m.dim});
  w.matrix(block + "ffn_gate_inp", m.dim, kExperts);
  w.vector(block + "ffn_gate_exps.weight", {m.dim, m.hidden_dim, kExperts}, -0.3, 0.3);
  w.vector(block + "ffn_up_exps.weight", {m.dim, m.hidden_dim, kExperts}, -0.3, 0.3);
  w.vector(block + "ffn_down_exps.weight", {m.hidden_dim, m.dim, kExperts}, -0.3, 0.3);
  w.matrix(block + "ffn_gate_shexp", m.dim, 16);
  w.matrix(block + "ffn_up_shexp", m.dim, 16);
  w.matrix(block + "ffn_down_shexp", 16, m.dim);
  extra(w);
  w.file().write(path);
}

}  // namespace

TEST_CASE("without its key a convolution has the taps of its tensor") {
  const TempDir folder;
  const fs::path whole = folder.path() / "whole.gguf", less = folder.path() / "less.gguf";
  for (const auto& write : {write_nemotron_h, write_gated_deltanet2}) {
    write(whole, {.blocks = write == write_nemotron_h ? "MA" : "DA"});
    CHECK(some_logits(without_key(whole, less, "ssm.conv_kernel")) == some_logits(whole));
  }
}

TEST_CASE("without their key shared experts have the width of their tensors") {
  const TempDir folder;
  const fs::path whole = folder.path() / "whole.gguf", less = folder.path() / "less.gguf";
  write_shared_experts(whole, [](ModelWriter&) {});
  CHECK(some_logits(without_key(whole, less, "expert_shared_feed_forward_length")) ==
        some_logits(whole));
}

TEST_CASE("a tensor that no layer asks for is refused by its name") {
  const TempDir folder;
  const fs::path path = folder.path() / "m.gguf";
  const auto with = [&path](const std::string& tensor) {
    write_shared_experts(path, [&](ModelWriter& w) { w.vector(tensor, {8}, -1, 1); });
    return path;
  };
  for (const char* name : {"blk.0.attn_sinks.weight", "blk.1.attn_norm.weight", "output.bias"}) {
    INFO(name);
    CHECK_THROWS_WITH(some_logits(with(name)),
                      Catch::Contains(std::string("tensor '") + name + "' has no place"));
  }
  for (const char* name : {"blk.0.ffn_up_exps.input_scale", "rope_freqs.weight", "v.blk.0.ln1"}) {
    INFO(name);
    CHECK_NOTHROW(some_logits(with(name)));
  }
  // A convolution that the metadata deny.
  write_gated_deltanet2(path, {.blocks = "D"});
  std::string bytes = read_file(path);
  const std::string key = "gated-deltanet2.ssm.conv_kernel";
  bytes[bytes.find(key) + key.size() + 4] = 0;
  write_file_atomic(path, bytes);
  CHECK_THROWS_WITH(some_logits(path), Catch::Contains("tensor 'blk.0.ssm_conv1d_"));
}

TEST_CASE("models of the fixtures without a key give the same logits or are refused") {
  const auto models = fixtures();
  if (models.empty()) return;
  const TempDir folder;
  const auto file = [&models](const char* name) {
    return models / "models" / (std::string(name) + ".gguf");
  };
  const std::pair<const char*, const char*> same[] = {
      {"qwen35", "ssm.conv_kernel"}, {"mamba2", "ssm.conv_kernel"},
      {"nemotron_h", "ssm.conv_kernel"}, {"kimi-linear", "ssm.conv_kernel"},
      {"gated-deltanet2", "ssm.conv_kernel"}, {"hgrn2", "ssm.conv_kernel"},
      {"qwen35moe", "expert_shared_feed_forward_length"},
      {"step35", "expert_shared_feed_forward_length"},
      {"nemotron_h_moe_latent", "expert_shared_feed_forward_length"},
      {"kimi-linear", "expert_shared_count"}};
  for (const auto& [name, key] : same) {
    INFO(name << " without " << key);
    const fs::path whole = file(name);
    CHECK(some_logits(without_key(whole, folder.path() / "m.gguf", key)) == some_logits(whole));
  }
  // Then a draft head's block would count as one of the trunk's.
  const fs::path path = folder.path() / "m.gguf";
  CHECK_THROWS_WITH(some_logits(without_key(file("qwen35_mtp"), path, "nextn_predict_layers")),
                    Catch::Contains("'blk.4."));
}

}  // namespace corvid::test
