#include "engine/models/shared/encoder.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/layers/layer_norm.h"
#include "engine/layers/mlp.h"
#include "engine/layers/model_reader.h"
#include "engine/layers/rope.h"
#include "engine/models/decoder.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

struct Block {
  Linear q, k, v, output;
  LayerNorm attention_norm, output_norm;
  FeedForward ffn;
};

float gelu(float x) {
  const double wide = x;
  return static_cast<float>(0.5 * wide * (1 + std::erf(wide * 0.70710678118654752)));
}

class Encoder final : public Model {
 public:
  Encoder(const ModelReader& reader, Ops& ops, const EncoderKind& kind);

  const ModelConfig& config() const override { return config_; }
  const MemorySpec& memory_spec() const override { return memory_; }
  void forward(const Batch& batch, const Outputs& out) const override;

 private:
  LayerNorm read_norm(const ModelReader& reader, const std::string& name, float eps) const;
  Block read_block(const ModelReader& reader, const std::string& block, float eps) const;
  Floats embed(const Batch& batch) const;
  void attend(const Batch& batch, const Block& block, const Floats& x, Floats& y) const;
  void feed(const Block& block, const Floats& x, int64_t rows, Floats& y) const;

  Ops& ops_;
  EncoderKind kind_;
  ModelConfig config_;
  MemorySpec memory_;  // nothing is kept
  int64_t head_count_ = 0;
  Matrix embedding_;
  std::optional<Matrix> positions_;
  Floats token_type_;
  LayerNorm embedding_norm_;
  Rope rope_;
  std::vector<Block> blocks_;
};

Encoder::Encoder(const ModelReader& reader, Ops& ops, const EncoderKind& kind)
    : ops_(ops), kind_(kind) {
  const std::string embedding = "token_embd.weight";
  const int64_t dim = reader.count("embedding_length");
  const int64_t vocab_size = reader.has(embedding) ? reader.dimension(embedding, 1) : 0;
  embedding_ = reader.matrix(embedding, dim, vocab_size);
  config_.dim = static_cast<int32_t>(dim);
  config_.layer_count = static_cast<int32_t>(std::min<int64_t>(reader.count("block_count"), 4096));
  config_.vocab_size = static_cast<int32_t>(vocab_size);
  config_.context_max = static_cast<int32_t>(reader.count("context_length"));
  config_.is_encoder = true;
  head_count_ = reader.count("attention.head_count");
  reader.require(dim % head_count_ == 0,
                 reader.key("attention.head_count") + " does not divide the width");
  reader.require(!reader.file().boolean(reader.key("attention.causal")).value_or(false),
                 reader.key("attention.causal") + " is true for an encoder");
  const auto eps = static_cast<float>(reader.real_or("attention.layer_norm_epsilon", 1e-12));
  reader.require(eps >= 0, "impossible " + reader.key("attention.layer_norm_epsilon"));
  const std::string types = "token_types.weight";
  if (reader.has(types)) {
    const Floats all = reader.values(types, {dim, reader.dimension(types, 1)});
    token_type_.assign(all.begin(), all.begin() + dim);
  }
  const std::string positions = "position_embd.weight";
  if (kind.rope) {
    rope_ = make_rope(reader, reader.count_or("rope.dimension_count", dim / head_count_),
                      reader.real_or("rope.freq_base", 10000));
    reader.require(2 * static_cast<int64_t>(rope_.frequencies.size()) <= dim / head_count_,
                   "impossible " + reader.key("rope.dimension_count"));
  } else {
    const int64_t rows = reader.has(positions) ? reader.dimension(positions, 1) : 0;
    positions_ = reader.matrix(positions, dim, rows);
    config_.context_max = static_cast<int32_t>(std::min<int64_t>(config_.context_max, rows));
  }
  embedding_norm_ = read_norm(reader, "token_embd_norm", eps);
  for (int64_t i = 0; i < config_.layer_count; ++i) {
    blocks_.push_back(read_block(reader, block_prefix(i), eps));
  }
}

LayerNorm Encoder::read_norm(const ModelReader& reader, const std::string& name, float eps) const {
  LayerNorm norm{reader.values(name + ".weight", {config_.dim}), {}, eps};
  if (reader.has(name + ".bias")) norm.bias = reader.values(name + ".bias", {config_.dim});
  return norm;
}

Block Encoder::read_block(const ModelReader& reader, const std::string& block, float eps) const {
  const int64_t dim = config_.dim, hidden_dim = reader.count("feed_forward_length");
  Block made;
  if (reader.has(block + "attn_qkv.weight")) {
    const Linear all = reader.linear(block + "attn_qkv", dim, 3 * dim);
    made.q = slice(all, 0, dim);
    made.k = slice(all, dim, dim);
    made.v = slice(all, 2 * dim, dim);
  } else {
    made.q = reader.linear(block + "attn_q", dim, dim);
    made.k = reader.linear(block + "attn_k", dim, dim);
    made.v = reader.linear(block + "attn_v", dim, dim);
  }
  made.output = reader.linear(block + "attn_output", dim, dim);
  made.ffn = kind_.swiglu ? read_swiglu(reader, block, dim, hidden_dim)
                          : read_relu_squared(reader, block, dim, hidden_dim);
  made.attention_norm = read_norm(reader, block + "attn_output_norm", eps);
  made.output_norm = read_norm(reader, block + "layer_output_norm", eps);
  return made;
}

Floats Encoder::embed(const Batch& batch) const {
  const int64_t rows = batch.rows(), dim = config_.dim;
  Floats x(static_cast<size_t>(rows * dim));
  ops_.gather(embedding_, batch.tokens, x.data());
  if (positions_) {
    Floats positions(x.size());
    ops_.gather(*positions_, batch.positions, positions.data());
    ops_.add(positions.data(), x.data(), rows * dim);
  }
  if (!token_type_.empty()) ops_.affine(nullptr, token_type_.data(), x.data(), rows, dim);
  embedding_norm_.run(x.data(), rows);
  return x;
}

void Encoder::attend(const Batch& batch, const Block& block, const Floats& x, Floats& y) const {
  const int64_t rows = batch.rows(), dim = config_.dim, width = dim / head_count_;
  Floats q(x.size()), mixed(x.size());
  block.q.run(ops_, x.data(), rows, q.data());
  Floats both(2 * x.size());  // keys, then values: one page
  block.k.run(ops_, x.data(), rows, both.data());
  block.v.run(ops_, x.data(), rows, both.data() + x.size());
  for (float* heads : {q.data(), both.data()}) {
    if (!kind_.rope) break;
    ops_.rope({heads, rows, head_count_, width, rope_.frequencies, rope_.magnitude,
               rope_.interleaved, batch.positions.data()});
  }
  for (const BatchItem& item : batch.items) {
    auto* const page = reinterpret_cast<std::byte*>(both.data() + item.row * dim);
    AttentionArgs args;
    args.q = q.data() + item.row * dim;
    args.y = mixed.data() + item.row * dim;
    args.rows = item.rows;
    args.heads = args.kv_heads = head_count_;
    args.key_dim = args.value_dim = width;
    args.scale = 1 / std::sqrt(static_cast<float>(width));
    args.causal = false;
    args.pages = {&page, 1};
    args.page_tokens = item.rows;
    args.value_offset = static_cast<int64_t>(x.size() * sizeof(float));
    ops_.attention(args);
  }
  block.output.run(ops_, mixed.data(), rows, y.data());
}

void Encoder::feed(const Block& block, const Floats& x, int64_t rows, Floats& y) const {
  if (kind_.swiglu) return block.ffn.run(ops_, x.data(), rows, y.data());
  Floats hidden(static_cast<size_t>(rows * block.ffn.up.weight.out));
  block.ffn.up.run(ops_, x.data(), rows, hidden.data());
  for (float& value : hidden) value = gelu(value);
  block.ffn.down.run(ops_, hidden.data(), rows, y.data());
}

void Encoder::forward(const Batch& batch, const Outputs& out) const {
  const int64_t rows = batch.rows(), count = rows * config_.dim;
  CHECK(out.logits.empty());
  for (const int32_t position : batch.positions) {
    if (position < config_.context_max) continue;
    fail(Code::invalid, "a text of more than " + std::to_string(config_.context_max) + " tokens");
  }
  Floats x = embed(batch), y(x.size());
  for (const Block& block : blocks_) {
    attend(batch, block, x, y);
    ops_.add(y.data(), x.data(), count);
    block.attention_norm.run(x.data(), rows);
    feed(block, x, rows, y);
    ops_.add(y.data(), x.data(), count);
    block.output_norm.run(x.data(), rows);
  }
  CHECK(out.hidden.size() == x.size());
  std::copy(x.begin(), x.end(), out.hidden.begin());
}

}  // namespace

std::unique_ptr<Model> make_encoder(const ModelReader& reader, Ops& ops, const EncoderKind& kind) {
  return std::make_unique<Encoder>(reader, ops, kind);
}

}  // namespace corvid::engine
