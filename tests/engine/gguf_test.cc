#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/backends/common/dequantize.h"
#include "engine/engine.h"
#include "engine/gguf.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::GgufFile;
using engine::GgufWriter;
using engine::TensorType;

std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// "corrupt: FILE: WHAT at OFFSET"
bool has_place(const std::string& text, const std::string& file) {
  const size_t at = text.rfind(" at ");
  if (!text.starts_with("corrupt: " + file + ": ") || at == std::string::npos) return false;
  return text.size() > at + 4 && text.find_first_not_of("0123456789", at + 4) == std::string::npos;
}

// What a fuzzer calls: reads everything that the file offers; only Error may come out of it.
void read_everything(std::span<const std::byte> bytes) {
  try {
    const auto file = GgufFile::parse(bytes, "fuzz.gguf");
    for (const std::string& key : file->keys()) {
      file->value_text(key);
      const auto ignore = [](auto read) {
        try {
          read();
        } catch (const Error& error) {
          REQUIRE(error.code() == Code::corrupt);
        }
      };
      ignore([&] { file->int_array(key); });
      ignore([&] { file->real_array(key); });
      ignore([&] { file->bool_array(key); });
      ignore([&] { file->string_array(key); });
      ignore([&] { file->integer(key); });
    }
    unsigned sum = 0;
    for (const engine::TensorView& view : file->tensors()) {
      REQUIRE(view.bytes > 0);
      sum += static_cast<unsigned>(view.data[0]) + static_cast<unsigned>(view.data[view.bytes - 1]);
    }
    REQUIRE(sum < std::numeric_limits<unsigned>::max());
    file->data_hash();
  } catch (const Error& error) {
    const bool clear = error.code() == Code::corrupt || error.code() == Code::unsupported;
    REQUIRE(clear);
    if (error.code() == Code::corrupt) REQUIRE(has_place(error.what(), "fuzz.gguf"));
  }
}

// Writes, loads and runs a damaged model; a refusal must say what is damaged and where.
void load_damaged(const std::filesystem::path& path, const std::string& bytes) {
  write_file_atomic(path, bytes);
  try {
    EngineOptions options;
    options.thread_count = 1;
    const auto model = Engine::load(path, options);
    const auto sequence = model->open();
    append(*model, *sequence, std::vector<Token>{1, 2, 3});
    step(*model, *sequence, 1);
  } catch (const Error& error) {
    INFO(error.what());
    const bool clear = error.code() == Code::corrupt || error.code() == Code::unsupported;
    CHECK(clear);
    if (error.code() == Code::corrupt) CHECK(has_place(error.what(), path.string()));
  }
}

std::string small_file() {
  GgufWriter writer;
  writer.set_string("general.architecture", "none");
  writer.set_integer("a.small", 7);
  writer.set_integer("a.large", int64_t{1} << 40);
  writer.set_integer("a.negative", -3);
  writer.set_real("a.real", 0.5);
  writer.set_boolean("a.flag", true);
  writer.set_int_array("a.ints", std::vector<int64_t>{1, -2, 3});
  writer.set_real_array("a.reals", std::vector<double>{0.25, -4});
  writer.set_bool_array("a.flags", {true, false, true});
  writer.set_string_array("a.texts", std::vector<std::string>{"", "x", "\xc3\xa4\n"});
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  writer.add_tensor("t", TensorType::f32, std::vector<int64_t>{3, 2},
                    std::as_bytes(std::span(values)));
  const std::vector<std::byte> block(34, std::byte{1});
  writer.add_tensor("q", TensorType::q8_0, std::vector<int64_t>{32}, block);
  return writer.bytes();
}

std::string error_of(const std::string& bytes) {
  try {
    GgufFile::parse(as_bytes(bytes), "f.gguf");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a writer makes one tensor's bytes after the other, and a wrong one leaves no file") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  const std::vector<int64_t> shape{3};
  GgufWriter writer;
  writer.set_string("general.architecture", "none");
  std::vector<int> made;
  for (int i = 0; i < 3; ++i) {
    CHECK(writer.add_tensor("t" + std::to_string(i), TensorType::f32, shape, [&made, i] {
      made.push_back(i);
      return std::vector<std::byte>(12, static_cast<std::byte>(i));
    }) == 12);
  }
  CHECK(made.empty());
  writer.write(path);
  CHECK(made == std::vector<int>{0, 1, 2});
  const std::string whole = read_file(path);
  CHECK(whole == writer.bytes());
  CHECK(GgufFile::open(path)->tensor("t2")->data[5] == std::byte{2});
  writer.add_tensor("wrong", TensorType::f32, shape, [] { return std::vector<std::byte>(11); });
  CHECK_THROWS_WITH(writer.write(path), "tensor 'wrong': 11 bytes do not fit F32 {3}");
  CHECK(read_file(path) == whole);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("what the GGUF writer writes the reader reads") {
  const std::string bytes = small_file();
  const auto file = GgufFile::parse(as_bytes(bytes), "f.gguf");
  CHECK(file->keys().size() == 10);
  CHECK(file->integer("a.small") == 7);
  CHECK(file->integer("a.large") == int64_t{1} << 40);
  CHECK(file->integer("a.negative") == -3);
  CHECK(file->real("a.real") == 0.5);
  CHECK(file->real("a.small") == 7);
  CHECK(file->boolean("a.flag") == true);
  CHECK(file->int_array("a.ints") == std::vector<int64_t>{1, -2, 3});
  CHECK(file->int_array("a.small") == std::vector<int64_t>{7});
  CHECK(file->real_array("a.reals") == std::vector<double>{0.25, -4});
  CHECK(file->bool_array("a.flags") == std::vector<bool>{true, false, true});
  CHECK(file->string_array("a.texts") == std::vector<std::string>{"", "x", "\xc3\xa4\n"});
  CHECK(file->integer("absent") == std::nullopt);
  CHECK_THROWS_WITH(file->integer("a.real"), Catch::StartsWith("corrupt: f.gguf: key 'a.real'"));
  CHECK_FALSE(file->has("absent"));
  CHECK(file->value_text("a.ints") == "[1, -2, 3]");
  const engine::TensorView* tensor = file->tensor("t");
  REQUIRE(tensor != nullptr);
  CHECK(tensor->shape == std::array<int64_t, 4>{3, 2, 1, 1});
  CHECK(tensor->bytes == 24);
  float value;
  std::memcpy(&value, tensor->data + 20, 4);
  CHECK(value == 6);
  CHECK(file->tensor("q")->bytes == 34);
  CHECK(file->tensor("absent") == nullptr);
}

TEST_CASE("a value copied from a GGUF file to another stays the same") {
  const std::string bytes = small_file();
  const auto file = GgufFile::parse(as_bytes(bytes), "f.gguf");
  GgufWriter writer;
  for (const std::string& key : file->keys()) writer.copy_value(*file, key);
  const auto copy = GgufFile::parse(as_bytes(writer.bytes()), "copy.gguf");
  CHECK(copy->keys() == file->keys());
  CHECK(copy->string_array("a.texts") == file->string_array("a.texts"));
  CHECK(copy->integer("a.large") == file->integer("a.large"));
}

TEST_CASE("a GGUF file cut off anywhere is corrupt, never a crash") {
  const std::string bytes = small_file();
  for (size_t size = 0; size < bytes.size(); ++size) {
    read_everything(as_bytes(bytes).first(size));
  }
  CHECK(error_of(bytes.substr(0, 40)).starts_with("corrupt: f.gguf: "));
  CHECK(error_of("") == "corrupt: f.gguf: not a GGUF file at 0");
}

TEST_CASE("a GGUF file with any bit flipped is read or refused, never a crash") {
  std::string bytes = small_file();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    read_everything(as_bytes(bytes));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
}

TEST_CASE("a real model file with damaged bytes is loaded or refused, never a crash") {
  // tests/golden/engine/gated-deltanet2-swa.Q8_0.gguf
  const std::string whole = read_file(golden("engine/gated-deltanet2-swa.Q8_0.gguf"));
  const auto data_start = whole.size() - 270000;
  Random random(5);
  const TempDir folder;
  for (int round = 0; round < 300; ++round) {
    std::string bytes = whole;
    for (int i = 0; i < 4; ++i) {
      const auto at = static_cast<size_t>(random.next() * static_cast<double>(data_start));
      bytes[at] = static_cast<char>(random.next() * 256);
    }
    if (round % 3 == 0) {
      bytes.resize(static_cast<size_t>(random.next() * static_cast<double>(bytes.size())));
    }
    read_everything(as_bytes(bytes));
    load_damaged(folder.path() / "damaged.gguf", bytes);
  }
}

TEST_CASE("what one flipped bit does to a model is said with its place in the file") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  RandomModel model;
  write_gated_deltanet2(path, model);
  const std::string bytes = read_file(path);
  const size_t table_end = bytes.rfind("output_norm.weight") + 60;
  Random random(3);
  for (int round = 0; round < 400; ++round) {
    const auto bit = static_cast<size_t>(random.next() * 8 * static_cast<double>(table_end));
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    load_damaged(path, flipped);
  }
}

TEST_CASE("model files of every architecture with damaged bytes are loaded or refused") {
  const auto path = fixtures();
  if (path.empty()) return;
  Random random(11);
  const TempDir folder;
  const auto damaged = folder.path() / "damaged.gguf";
  for (const char* name : {"hgrn2-hybrid", "kimi-linear", "llama-spm", "mamba2",
                           "nemotron_h_moe_latent", "qwen35_mtp", "qwen3next", "step35"}) {
    const std::string whole = read_file(path / "models" / (std::string(name) + ".gguf"));
    for (int round = 0; round < 40; ++round) {
      std::string bytes = whole;
      // Keys and table are at the start; weights of any bits follow.
      const size_t end = round % 4 == 0 ? bytes.size() : 40000;
      for (int i = 0; i < 6; ++i) {
        const auto at = static_cast<size_t>(random.next() * static_cast<double>(end));
        bytes[at] = static_cast<char>(random.next() * 256);
      }
      load_damaged(damaged, bytes);
    }
  }
}

TEST_CASE("counts, sizes and offsets that overflow are refused") {
  const std::string good = small_file();
  const auto with = [&good](size_t at, uint64_t value) {
    std::string bytes = good;
    std::memcpy(bytes.data() + at, &value, 8);
    return error_of(bytes);
  };
  CHECK(with(8, ~uint64_t{0}) == "corrupt: f.gguf: impossible tensor count at 24");
  CHECK(with(16, uint64_t{1} << 62) == "corrupt: f.gguf: impossible key count at 24");
  CHECK(with(24, ~uint64_t{0}) == "corrupt: f.gguf: key runs past the end of the file at 32");
  const size_t name = good.rfind(std::string("\x01\0\0\0\0\0\0\0t", 9)) + 9;  // tensor t
  CHECK(with(name + 4, uint64_t{1} << 63).find("impossible dimension") != std::string::npos);
  CHECK(with(name + 12, (uint64_t{1} << 56) / 2).find("impossible dimension") !=
        std::string::npos);
  CHECK(with(name + 24, ~uint64_t{31}).find("outside of the file") != std::string::npos);
  CHECK(with(name + 24, 8).find("not aligned") != std::string::npos);
}

TEST_CASE("an unknown tensor type is named, with the fork that it may come from") {
  std::string bytes = small_file();
  const size_t name = bytes.rfind(std::string("\x01\0\0\0\0\0\0\0t", 9)) + 9;
  bytes[name + 20] = 50;
  CHECK(error_of(bytes) == "f.gguf: tensor 't' has the unknown type 50");
  bytes[name + 20] = char(139);
  CHECK(error_of(bytes).find("139 (ids above 96 come from the fork ik_llama.cpp)") !=
        std::string::npos);
  bytes[name + 21] = 0x76;  // no program has so many
  CHECK(error_of(bytes) == "corrupt: f.gguf: tensor 't' has an impossible type at " +
                               std::to_string(name + 24));
}

TEST_CASE("half floats and quantized blocks decode as the fixtures say") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = engine::half_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(value)) continue;
    REQUIRE(engine::float_to_half(value) == bits);
  }
  const auto path = fixtures();
  if (path.empty()) return;
  for (const auto& [name, type] :
       {std::pair{"f16", TensorType::f16}, {"bf16", TensorType::bf16}, {"q8_0", TensorType::q8_0},
        {"q4_0", TensorType::q4_0}, {"q4_1", TensorType::q4_1}, {"q5_0", TensorType::q5_0},
        {"q5_1", TensorType::q5_1}, {"q2_K", TensorType::q2_k}, {"q3_K", TensorType::q3_k},
        {"q4_K", TensorType::q4_k}, {"q5_K", TensorType::q5_k}, {"q6_K", TensorType::q6_k},
        {"iq4_nl", TensorType::iq4_nl}, {"iq4_xs", TensorType::iq4_xs},
        {"mxfp4", TensorType::mxfp4}, {"nvfp4", TensorType::nvfp4}}) {
    INFO(name);
    const std::string packed = read_file(path / "quants" / (std::string(name) + ".bin"));
    const std::string exact = read_file(path / "quants" / (std::string(name) + ".f32"));
    std::vector<float> values(exact.size() / 4);
    std::memcpy(values.data(), exact.data(), exact.size());
    std::vector<float> decoded(values.size());
    engine::dequantize_row(type, as_bytes(packed).data(), static_cast<int64_t>(values.size()),
                           decoded.data());
    CHECK(decoded == values);
  }
}

TEST_CASE("a model with a type that cannot be computed with, or unknown, says so") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  const auto load = [](const std::filesystem::path& file) {
    return Engine::load(file, EngineOptions{});
  };
  GgufWriter writer;
  writer.set_string("general.architecture", "qwen3");
  writer.set_real("qwen3.attention.layer_norm_rms_epsilon", 1e-6);
  writer.set_integer("qwen3.embedding_length", 256);
  writer.add_tensor("token_embd.weight", TensorType::iq2_xxs, std::vector<int64_t>{256, 2},
                    std::vector<std::byte>(132));
  writer.write(path);
  CHECK_THROWS_WITH(load(path),
                    Catch::Contains("tensor 'token_embd.weight' is IQ2_XXS, which cannot be "
                                    "computed with; known: F32 F16 Q4_0"));
  writer.set_string("general.architecture", "none");
  writer.write(path);
  CHECK_THROWS_WITH(load(path), Catch::Contains("unknown architecture 'none'; known: "
                                                "bert gated-deltanet2 hgrn2 kimi-linear llama"));
  CHECK_THROWS_WITH(load("absent.gguf"), Catch::StartsWith("no such file"));
}

TEST_CASE("a model whose tensors do not fit its metadata names tensor and shapes") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  RandomModel model;
  write_gated_deltanet2(path, model);
  const auto file = GgufFile::open(path);
  GgufWriter writer;
  for (const std::string& key : file->keys()) writer.copy_value(*file, key);
  for (const engine::TensorView& view : file->tensors()) {
    writer.add_tensor(view.name, view.type,
                      std::span(view.shape).first(static_cast<size_t>(view.dim_count)),
                      {view.data, static_cast<size_t>(view.bytes)});
  }
  writer.set_integer("gated-deltanet2.feed_forward_length", 48);
  writer.write(path);
  const size_t entry = writer.bytes().find("blk.0.ffn_gate.weight") - 8;  // its length is first
  CHECK_THROWS_WITH(
      Engine::load(path, EngineOptions{}),
      Catch::EndsWith("tensor 'blk.0.ffn_gate.weight' should be {24, 48} by the metadata and is "
                      "{24, 40} at " + std::to_string(entry)));
}

namespace {

// Writes `file` again in `count` parts beside `path`; all metadata goes into the first.
std::filesystem::path write_parts(const GgufFile& file, const std::filesystem::path& folder,
                                  int count) {
  std::filesystem::path first;
  for (int part = 0; part < count; ++part) {
    GgufWriter writer;
    if (part == 0) {
      for (const std::string& key : file.keys()) writer.copy_value(file, key);
    }
    writer.set_integer("split.no", part);
    writer.set_integer("split.count", count);
    for (size_t i = 0; i < file.tensors().size(); ++i) {
      const engine::TensorView& view = file.tensors()[i];
      if (static_cast<int>(i % static_cast<size_t>(count)) != part) continue;
      writer.add_tensor(view.name, view.type,
                        std::span(view.shape).first(static_cast<size_t>(view.dim_count)),
                        {view.data, static_cast<size_t>(view.bytes)});
    }
    const auto path = folder / ("m-0000" + std::to_string(part + 1) + "-of-0000" +
                                std::to_string(count) + ".gguf");
    writer.write(path);
    if (part == 0) first = path;
  }
  return first;
}

}  // namespace

TEST_CASE("a model in several parts is the model in one") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  write_nemotron_h(path, {.blocks = "M-A"});
  const auto first = write_parts(*GgufFile::open(path), folder.path(), 3);
  const auto logits = [](const std::filesystem::path& file) {
    const auto model = Engine::load(file, EngineOptions{});
    const auto sequence = model->open();
    return append(*model, *sequence, std::vector<Token>{1, 2, 3, 4});
  };
  CHECK(logits(first) == logits(path));
  const auto parts = GgufFile::open(first);
  CHECK(parts->tensors().size() == GgufFile::open(path)->tensors().size());
  CHECK(parts->file_bytes() > GgufFile::open(path)->file_bytes());

  const auto second = folder.path() / "m-00002-of-00003.gguf";
  CHECK_THROWS_WITH(logits(second), Catch::EndsWith("not the first part of a model in several "
                                                    "files"));
  const auto renamed = folder.path() / "renamed.gguf";
  std::filesystem::copy(first, renamed);
  CHECK_THROWS_WITH(logits(renamed), Catch::EndsWith("should end in '-00001-of-00003.gguf'"));
  std::filesystem::copy_file(folder.path() / "m-00003-of-00003.gguf", second,
                             std::filesystem::copy_options::overwrite_existing);
  CHECK_THROWS_WITH(logits(first), Catch::Contains("not part 2 of "));
  std::filesystem::remove(second);
  CHECK_THROWS_WITH(logits(first), Catch::StartsWith("no such file"));
}

}  // namespace corvid::test
