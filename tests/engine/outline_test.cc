#include "engine/outline.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {

TEST_CASE("an outline names a model's layers and what a sequence needs") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_nemotron_h(path, {.blocks = "M-AM"});
  auto file = engine::GgufFile::open(path);
  engine::ModelOutline outline = engine::outline(*file);
  CHECK(outline.layers == "M-AM");
  CHECK(outline.ffn.empty());
  const auto needs = engine::memory_needs(*file);
  REQUIRE(needs.has_value());
  // Two blocks of state (28, 12) and 3 inputs of 28 + 2 * 2 * 12 channels; 2 heads of 10 and 6.
  CHECK(needs->state_bytes == 2 * 4 * (28 * 12 + 3 * 76));
  CHECK(needs->kv_bytes_per_token == 4 * 2 * (10 + 6));
  CHECK(needs->kv_type == "F32");
  int64_t bytes = 0;
  for (const engine::TensorView& tensor : file->tensors()) bytes += tensor.bytes;
  CHECK(outline.decode_bytes == bytes - 24 * 50 * 4);  // one row of the embedding is next to nothing

  write_gated_deltanet2(path, {.window = 8, .blocks = "DAD"});
  file = engine::GgufFile::open(path);
  outline = engine::outline(*file);
  CHECK(outline.layers == "DSD");
  CHECK(engine::memory_needs(*file)->kv_bytes_per_token == 0);
  CHECK(engine::memory_needs(*file)->window_tokens == 8);
  CHECK(engine::memory_needs(*file)->window_bytes == 8 * 4 * 2 * (10 + 6));
  CHECK(outline.ffn == "---");
}

TEST_CASE("what a sequence needs is what an engine with the same options keeps") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_qwen3(path, {.type = engine::TensorType::q8_0, .dim = 64, .hidden_dim = 64, .key_dim = 32,
                     .value_dim = 32, .blocks = "AA"});
  const auto file = engine::GgufFile::open(path);
  EngineOptions exact, small;
  exact.int8_activations = false;
  small.kv_type = "q8_0";
  for (const EngineOptions& options : {EngineOptions{}, exact, small}) {
    const auto needs = engine::memory_needs(*file, options);
    const auto model = Engine::load(path, options);
    const auto sequence = model->open();
    const int64_t empty = sequence->bytes_used(), count = 64;  // whole pages
    append(*model, *sequence, std::vector<Token>(static_cast<size_t>(count), 1));
    const int64_t log = count * int64_t{sizeof(Token)} + int64_t{sizeof(int32_t)};
    CHECK(needs->kv_type == model->summary().kv_type);
    CHECK(needs->state_bytes == empty);
    CHECK(needs->kv_bytes_per_token * count == sequence->bytes_used() - empty - log);
  }
  CHECK(engine::memory_needs(*file)->kv_bytes_per_token == 2 * 2 * 2 * (32 + 32));
}

TEST_CASE("outlines of the fixtures name every kind of layer") {
  const auto path = fixtures();
  if (path.empty()) return;
  const auto outline = [&path](const char* name) {
    return engine::outline(*engine::GgufFile::open(path / "models" / (std::string(name) + ".gguf")));
  };
  CHECK(outline("nemotron_h").layers == "M-MA-MA-");
  CHECK(outline("nemotron_h_moe").layers == "MEMAEME");
  CHECK(outline("qwen3next").layers == "DDADDA");
  CHECK(outline("qwen3next").ffn == "EEEEEE");
  CHECK(outline("step35").layers == "ASSAS");
  CHECK(outline("step35").ffn == "-EEEE");
  CHECK(outline("kimi-linear").layers == "KKLKL");
  CHECK(outline("hgrn2-hybrid").layers == "RRRA");
  CHECK(outline("gated-deltanet2-swa").layers == "DSDSDS");
  CHECK(outline("qwen35_mtp").layers == "DDDA");
  CHECK(outline("qwen35_mtp").draft_block_count == 1);
  CHECK(outline("bert").layers == "AAAA");
}

TEST_CASE("metadata alone tell the same as a whole file") {
  const auto path = fixtures();
  if (path.empty()) return;
  for (const char* name : {"gated-deltanet2-swa", "hgrn2-hybrid", "kimi-linear", "llama", "mamba2",
                           "nemotron_h", "nemotron_h_moe", "qwen3", "qwen35", "qwen35_mtp",
                           "qwen35moe", "qwen3next", "step35"}) {
    INFO(name);
    const auto whole = engine::GgufFile::open(path / "models" / (std::string(name) + ".gguf"));
    engine::GgufWriter writer;
    for (const std::string& key : whole->keys()) writer.copy_value(*whole, key);
    const std::string bytes = writer.bytes();
    const auto keys = engine::GgufFile::parse(std::as_bytes(std::span(bytes)), "keys.gguf");
    CHECK(engine::outline(*keys).layers == engine::outline(*whole).layers);
    CHECK(engine::outline(*keys).ffn == engine::outline(*whole).ffn);
    const auto some = engine::memory_needs(*keys), all = engine::memory_needs(*whole);
    REQUIRE(some.has_value());
    CHECK(some->state_bytes == all->state_bytes);
    CHECK(some->kv_bytes_per_token == all->kv_bytes_per_token);
    CHECK(some->window_bytes == all->window_bytes);
  }
}

TEST_CASE("a file with a vocabulary and nothing else has an outline") {
  engine::GgufWriter writer;
  writer.set_string("general.architecture", "llama");
  const std::string bytes = writer.bytes();
  const auto file = engine::GgufFile::parse(std::as_bytes(std::span(bytes)), "vocabulary.gguf");
  CHECK(engine::outline(*file).layers.empty());
  CHECK(engine::memory_needs(*file)->state_bytes == 0);
}

}  // namespace corvid::test
