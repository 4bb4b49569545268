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
  int64_t bytes = 0;
  for (const engine::TensorView& tensor : file->tensors()) bytes += tensor.bytes;
  CHECK(outline.decode_bytes == bytes - 24 * 50 * 4);  // one row of the embedding is next to nothing

  write_gated_deltanet2(path, {.window = 8, .blocks = "DAD"});
  file = engine::GgufFile::open(path);
  outline = engine::outline(*file);
  CHECK(outline.layers == "DSD");
  CHECK(outline.ffn == "---");
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

}  // namespace corvid::test
