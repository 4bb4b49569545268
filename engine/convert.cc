#include "engine/convert.h"

#include <cmath>
#include <string>
#include <vector>

#include "engine/convert/tensor_mover.h"
#include "engine/convert/tokenizer_files.h"
#include "engine/files/safetensors.h"
#include "engine/quantize.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"

namespace corvid::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSizeMax = int64_t{1} << 28;

// The numbers of config.json.
class Config {
 public:
  explicit Config(const fs::path& path)
      : path_(path), json_(parse_json(read_file(path), path.string())) {
    if (!json_.is_object()) fail(Code::corrupt, "corrupt: " + path.string() + ": no JSON object");
  }

  const Json& json() const { return json_; }
  std::string text(const char* key) const { return json_string_or(json_, key, ""); }
  int64_t count_or(const char* key, int64_t otherwise) const {
    const bool known = json_.contains(key) && json_.at(key).is_number_integer();
    const int64_t value = known ? json_.at(key).get<int64_t>() : otherwise;
    if (value >= 1 && value <= kSizeMax) return value;
    fail(Code::corrupt, "corrupt: " + path_.string() + ": " + key + " is absent or impossible");
  }
  int64_t count(const char* key) const { return count_or(key, 0); }
  double real_or(const char* key, double otherwise) const {
    const Json* found = &json_;
    for (const char* group : {"rope_parameters", ""}) {  // where newer files keep rope_theta
      const bool inside = *group != 0 && json_.contains(group) && json_.at(group).is_object();
      found = inside ? &json_.at(group) : &json_;
      if (found->contains(key) && found->at(key).is_number()) return found->at(key).get<double>();
    }
    return otherwise;
  }

 private:
  fs::path path_;
  Json json_;
};

std::string block_name(int64_t i) { return "blk." + std::to_string(i) + "."; }

void write_common(const Config& config, const fs::path& folder, const std::string& architecture,
                  GgufWriter& out) {
  out.set_string("general.architecture", architecture);
  out.set_string("general.type", "model");
  std::string name = folder.filename().string();
  if (name.empty()) name = folder.parent_path().filename().string();
  out.set_string("general.name", name);
  out.set_integer(architecture + ".context_length", config.count("max_position_embeddings"));
  out.set_integer(architecture + ".embedding_length", config.count("hidden_size"));
  out.set_integer(architecture + ".block_count", config.count("num_hidden_layers"));
  out.set_integer(architecture + ".feed_forward_length", config.count("intermediate_size"));
  out.set_integer(architecture + ".attention.head_count", config.count("num_attention_heads"));
}

// What sentence-transformers says of pooling and length. False: it says nothing.
bool write_pooling(const fs::path& folder, const std::string& architecture, GgufWriter& out) {
  const fs::path limits = folder / "sentence_bert_config.json";
  if (fs::exists(limits)) {
    const int64_t most = json_int_or(parse_json(read_file(limits), limits.string()),
                                     "max_seq_length", 0);
    if (most > 0) out.set_integer("corvid.embedder.tokens_max", most);
  }
  const fs::path path = folder / "1_Pooling" / "config.json";
  if (!fs::exists(path)) return false;
  const Json json = parse_json(read_file(path), path.string());
  const char* const modes[] = {"pooling_mode_mean_tokens", "pooling_mode_cls_token",
                               "pooling_mode_lasttoken"};
  for (int64_t i = 0; i < 3; ++i) {
    if (!json.is_object() || !json_bool_or(json, modes[i], false)) continue;
    out.set_integer(architecture + ".pooling_type", i + 1);
    return true;
  }
  fail(Code::unsupported, path.string() + ": pooling other than mean, CLS or last");
}

void move_norm(TensorMover& mover, const std::string& from, const std::string& to, int64_t dim) {
  mover.move(from + ".weight", to + ".weight", {dim});
  if (mover.has(from + ".bias")) mover.move(from + ".bias", to + ".bias", {dim});
}

void convert_bert(const Config& config, const fs::path& folder, TensorMover& mover,
                  GgufWriter& out) {
  const int64_t dim = config.count("hidden_size"), hidden = config.count("intermediate_size");
  if (config.text("hidden_act") != "gelu") fail(Code::unsupported, "BERT without gelu");
  write_common(config, folder, "bert", out);
  out.set_real("bert.attention.layer_norm_epsilon", config.real_or("layer_norm_eps", 1e-12));
  out.set_boolean("bert.attention.causal", false);
  if (!write_pooling(folder, "bert", out)) out.set_integer("bert.pooling_type", 1);
  const int64_t types = config.count_or("type_vocab_size", 2);
  out.set_integer("tokenizer.ggml.token_type_count", types);
  write_word_pieces(folder, out);
  mover.set_prefix("bert.");
  const std::string embeddings = "embeddings.";
  mover.move(embeddings + "word_embeddings.weight", "token_embd.weight",
             {config.count("vocab_size"), dim});
  mover.move(embeddings + "token_type_embeddings.weight", "token_types.weight", {types, dim});
  mover.move(embeddings + "position_embeddings.weight", "position_embd.weight",
             {config.count("max_position_embeddings"), dim});
  move_norm(mover, embeddings + "LayerNorm", "token_embd_norm", dim);
  for (int64_t i = 0; i < config.count("num_hidden_layers"); ++i) {
    const std::string from = "encoder.layer." + std::to_string(i) + ".", to = block_name(i);
    for (const auto& [old_name, name] :
         {std::pair{"query", "attn_q"}, {"key", "attn_k"}, {"value", "attn_v"}}) {
      mover.move_linear(from + "attention.self." + old_name, to + name, dim, dim);
    }
    mover.move_linear(from + "attention.output.dense", to + "attn_output", dim, dim);
    move_norm(mover, from + "attention.output.LayerNorm", to + "attn_output_norm", dim);
    mover.move_linear(from + "intermediate.dense", to + "ffn_up", hidden, dim);
    mover.move_linear(from + "output.dense", to + "ffn_down", dim, hidden);
    move_norm(mover, from + "output.LayerNorm", to + "layer_output_norm", dim);
  }
}

// Llama 3's factors as a tensor; linear and YaRN as keys.
void write_rope_scaling(const Config& config, const std::string& architecture, int64_t head_dim,
                        GgufWriter& out) {
  const Json& json = config.json();
  const char* const key = json.contains("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!json.contains(key) || !json.at(key).is_object()) return;
  const Json& scaling = json.at(key);
  const std::string old_kind = json_string_or(scaling, "type", "");
  const std::string kind = json_string_or(scaling, "rope_type", old_kind);
  const auto number = [&](const char* name, double otherwise) {
    return scaling.contains(name) && scaling.at(name).is_number() ? scaling.at(name).get<double>()
                                                                  : otherwise;
  };
  const double factor = number("factor", 1), original = number(
      "original_max_position_embeddings", double(config.count("max_position_embeddings")));
  if (kind == "linear" || kind == "yarn") {
    out.set_string(architecture + ".rope.scaling.type", kind);
    out.set_real(architecture + ".rope.scaling.factor", factor);
    out.set_integer(architecture + ".rope.scaling.original_context_length", int64_t(original));
  } else if (kind == "llama3") {
    const double low = number("low_freq_factor", 1), high = number("high_freq_factor", 4);
    std::vector<float> factors;
    for (int64_t i = 0; i < head_dim / 2; ++i) {
      const double base = config.real_or("rope_theta", 10000);
      const double length = 2 * M_PI * std::pow(base, 2.0 * double(i) / double(head_dim));
      const double smooth = (original / length - low) / (high - low);
      if (length < original / high) factors.push_back(1);
      else if (length > original / low) factors.push_back(float(factor));
      else factors.push_back(float(1 / ((1 - smooth) / factor + smooth)));
    }
    const int64_t shape[] = {head_dim / 2};
    out.add_tensor("rope_freqs.weight", TensorType::f32, shape, std::as_bytes(std::span(factors)));
  } else if (kind != "default" && !kind.empty()) {
    fail(Code::unsupported, "rope_scaling of type '" + kind + "'");
  }
}

int64_t write_end_ids(const Config& config, GgufWriter& out) {
  const Json& json = config.json();
  if (json.contains("bos_token_id") && json.at("bos_token_id").is_number_unsigned()) {
    out.set_integer("tokenizer.ggml.bos_token_id", json.at("bos_token_id").get<int64_t>());
  }
  if (!json.contains("eos_token_id")) return -1;
  const Json& eos = json.at("eos_token_id");
  const Json& first = eos.is_array() && !eos.empty() ? eos.front() : eos;
  if (!first.is_number_unsigned()) return -1;
  out.set_integer("tokenizer.ggml.eos_token_id", first.get<int64_t>());
  // Files have room for one more.
  if (eos.is_array() && eos.size() > 1 && eos.back().is_number_unsigned()) {
    out.set_integer("tokenizer.ggml.eot_token_id", eos.back().get<int64_t>());
  }
  return first.get<int64_t>();
}

struct DecoderSizes {
  int64_t dim, heads, kv_heads, head_dim, hidden;
};

void move_block(TensorMover& mover, const DecoderSizes& s, int64_t index, bool rotate) {
  const std::string from = "layers." + std::to_string(index) + ".", to = block_name(index);
  move_norm(mover, from + "input_layernorm", to + "attn_norm", s.dim);
  const std::string attention = from + "self_attn.";
  const int64_t q_rows = s.heads * s.head_dim, kv_rows = s.kv_heads * s.head_dim;
  if (rotate) {
    mover.move_rotated(attention + "q_proj", to + "attn_q", q_rows, s.dim, s.heads);
    mover.move_rotated(attention + "k_proj", to + "attn_k", kv_rows, s.dim, s.kv_heads);
  } else {
    mover.move_linear(attention + "q_proj", to + "attn_q", q_rows, s.dim);
    mover.move_linear(attention + "k_proj", to + "attn_k", kv_rows, s.dim);
    move_norm(mover, attention + "q_norm", to + "attn_q_norm", s.head_dim);
    move_norm(mover, attention + "k_norm", to + "attn_k_norm", s.head_dim);
  }
  mover.move_linear(attention + "v_proj", to + "attn_v", kv_rows, s.dim);
  mover.move_linear(attention + "o_proj", to + "attn_output", s.dim, q_rows);
  move_norm(mover, from + "post_attention_layernorm", to + "ffn_norm", s.dim);
  mover.move_linear(from + "mlp.gate_proj", to + "ffn_gate", s.hidden, s.dim);
  mover.move_linear(from + "mlp.up_proj", to + "ffn_up", s.hidden, s.dim);
  mover.move_linear(from + "mlp.down_proj", to + "ffn_down", s.dim, s.hidden);
}

// `architecture` is llama or qwen3.
void convert_decoder(const Config& config, const fs::path& folder, const std::string& architecture,
                     TensorMover& mover, GgufWriter& out) {
  const Json& json = config.json();
  if (json_bool_or(json, "use_sliding_window", config.text("model_type") == "mistral") &&
      json.contains("sliding_window") && json.at("sliding_window").is_number()) {
    fail(Code::unsupported, "a sliding window in a model of this family");
  }
  if (const std::string act = config.text("hidden_act"); act != "silu") {
    fail(Code::unsupported, "hidden_act '" + act + "'");
  }
  const int64_t dim = config.count("hidden_size"), heads = config.count("num_attention_heads");
  const DecoderSizes sizes{dim, heads, config.count_or("num_key_value_heads", heads),
                           config.count_or("head_dim", dim / heads),
                           config.count("intermediate_size")};
  const int64_t vocab_size = config.count("vocab_size");
  write_common(config, folder, architecture, out);
  out.set_integer(architecture + ".vocab_size", vocab_size);
  out.set_integer(architecture + ".attention.head_count_kv", sizes.kv_heads);
  out.set_integer(architecture + ".attention.key_length", sizes.head_dim);
  out.set_integer(architecture + ".attention.value_length", sizes.head_dim);
  out.set_integer(architecture + ".rope.dimension_count", sizes.head_dim);
  out.set_real(architecture + ".rope.freq_base", config.real_or("rope_theta", 10000));
  out.set_real(architecture + ".attention.layer_norm_rms_epsilon",
               config.real_or("rms_norm_eps", 1e-6));
  const bool is_llama = architecture == "llama";
  write_decoder_tokens(folder, is_llama ? "llama-bpe" : "qwen2", vocab_size, out);
  write_end_ids(config, out);
  // Embedding models of this kind read the end token's state.
  if (write_pooling(folder, architecture, out)) {
    out.set_boolean("tokenizer.ggml.add_eos_token", true);
  }
  write_rope_scaling(config, architecture, sizes.head_dim, out);
  mover.set_prefix("model.");
  mover.move("embed_tokens.weight", "token_embd.weight", {vocab_size, dim});
  move_norm(mover, "norm", "output_norm", dim);
  const bool tied = json_bool_or(json, "tie_word_embeddings", false);
  if (!tied && mover.has("lm_head.weight")) {
    mover.move("lm_head.weight", "output.weight", {vocab_size, dim});
  }
  for (int64_t i = 0; i < config.count("num_hidden_layers"); ++i) {
    move_block(mover, sizes, i, is_llama);
  }
}

}  // namespace

ConvertReport convert_model(const fs::path& folder, std::optional<TensorType> type,
                            const fs::path& out) {
  const Config config(folder / "config.json");
  const SafeTensors source = SafeTensors::open_folder(folder);
  GgufWriter writer;
  TensorMover mover(source, type, writer);
  const std::string kind = config.text("model_type");
  std::string architecture = kind == "mistral" ? "llama" : kind;
  if (kind == "bert") {
    convert_bert(config, folder, mover, writer);
  } else if (architecture == "llama" || kind == "qwen3") {
    convert_decoder(config, folder, architecture, mover, writer);
  } else {
    fail(Code::unsupported, folder.string() + ": model_type '" + kind +
                                "'; known: bert llama mistral qwen3");
  }
  writer.write(out);
  return {architecture, mover.tensor_count(), mover.bytes(), mover.unused_count()};
}

}  // namespace corvid::engine
