// Model files: parsing, what is said of them, and making a model of them.
#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/models/model.h"
#include "engine/outline.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

std::vector<std::string> fuzz_seeds() {
  engine::GgufWriter writer;
  writer.set_string("general.architecture", "qwen3");
  writer.set_integer("qwen3.block_count", 1);
  writer.set_int_array("qwen3.attention.head_count", std::vector<int64_t>{2, 2});
  writer.set_real("qwen3.attention.layer_norm_rms_epsilon", 1e-5);
  writer.set_string_array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"});
  writer.set_bool_array("x.flags", {true, false});
  const std::vector<std::byte> bytes(8 * 4 * 4);
  writer.add_tensor("token_embd.weight", engine::TensorType::f32, std::vector<int64_t>{8, 4}, bytes);
  return {writer.bytes(), read_file(std::string(CORVID_SOURCE_DIR) +
                                    "/tests/golden/engine/gated-deltanet2-swa.Q8_0.gguf")};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = engine::GgufFile::parse(
        {reinterpret_cast<const std::byte*>(data), size}, "fuzzed");
    for (const std::string& key : file->keys()) fuzz::check(file->value_text(key).size() < 1 << 20);
    engine::outline(*file);
    const auto ops = engine::make_ops("reference", {});
    engine::make_model(*file, *ops)->enable_draft();
  } catch (const Error&) {
  }
  return 0;
}
