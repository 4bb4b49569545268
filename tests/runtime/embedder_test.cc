#include "runtime/embedder.h"

#include <catch2/catch.hpp>

#include "engine/convert.h"
#include "engine/gguf.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

const std::filesystem::path kTable =
    std::filesystem::path(CORVID_SOURCE_DIR) / "examples/embedder/token-vectors.gguf";

float cosine(const TokenVectors& table, std::string_view a, std::string_view b) {
  const std::vector<float> one = table.embed(a);
  const std::vector<float> other = table.embed(b);
  float sum = 0;
  for (size_t i = 0; i < one.size(); ++i) sum += one[i] * other[i];
  return sum;
}

}  // namespace

TEST_CASE("The shipped table gives the vectors that its recipe computes") {
  const auto table = TokenVectors::open(kTable);
  CHECK(table->dim() == 256);
  CHECK(std::filesystem::file_size(kTable) <= 8'000'000);
  // From the file by numpy and Hugging Face's tokenizer.
  const std::pair<const char*, std::vector<float>> golden[] = {
      {"I adopted a puppy last week",
       {-0.13561f, 0.08663f, 0.03499f, 0.21214f, -0.05866f, -0.13622f, 0.00678f, -0.0162f}},
      {"Which port does the staging server use?",
       {0.10336f, 0.04632f, -0.00412f, -0.17674f, 0.06734f, -0.03396f, -0.08685f, 0.03369f}},
      {"KeyError: 'billing' in src/report.py",
       {-0.01799f, 0.03532f, -0.00317f, 0.14437f, 0.09435f, -0.0112f, 0.11077f, -0.03536f}}};
  for (const auto& [text, expected] : golden) {
    INFO(text);
    const std::vector<float> vector = table->embed(text);
    REQUIRE(vector.size() == 256);
    for (size_t i = 0; i < expected.size(); ++i) {
      CHECK(vector[i] == Approx(expected[i]).margin(2e-5));
    }
  }
}

TEST_CASE("Texts that mean the same are nearer than texts that do not") {
  const auto table = TokenVectors::open(kTable);
  CHECK(cosine(*table, "we bought a little dog", "I adopted a puppy") >
        cosine(*table, "we bought a little dog", "I repaired the boat") + 0.1f);
  CHECK(cosine(*table, "the unit tests fail", "pytest reports an error") >
        cosine(*table, "the unit tests fail", "dinner at a nice restaurant") + 0.1f);
  CHECK(table->embed("").empty());
  CHECK(table->embed(" \n\t ").empty());
}

TEST_CASE("A file that is no table of token vectors is refused") {
  const TempDir folder;
  const auto path = folder.path() / "other.gguf";
  engine::GgufWriter writer;
  writer.set_string("corvid.embedder.pieces", "a\nb");
  const std::vector<std::byte> rows(6);
  const std::vector<std::byte> scales(12);
  writer.add_tensor("token_embd.weight", engine::TensorType::i8, std::array<int64_t, 2>{2, 3}, rows);
  writer.add_tensor("token_embd.scale", engine::TensorType::f32, std::array<int64_t, 1>{3}, scales);
  writer.write(path);
  CHECK_THROWS_AS(TokenVectors::open(path), Error);
  CHECK_THROWS_AS(TokenVectors::open(folder.path() / "absent.gguf"), Error);
  CHECK_FALSE(memory_ports({}, "none").embed);
}

TEST_CASE("Memory takes an embedding model in place of the table") {
  const TempDir folder;
  const auto path = folder.path() / "bert.gguf";
  const std::filesystem::path source(CORVID_SOURCE_DIR);
  engine::convert_model(source / "tests/golden/engine/convert/bert", std::nullopt, path);
  const memory::Ports ports = memory_ports({}, path.string());
  CHECK(ports.embedder.starts_with("bert-"));
  const std::vector<float> vector = ports.embed("The cat sat.");
  CHECK(vector.size() == 16);
  CHECK(vector == ports.embed("the CAT sat ."));
  CHECK(vector != ports.embed("the cat"));
}
