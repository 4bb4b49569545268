// Tiny published models (tests/golden/engine/convert: random weights, float64 results of the
// formulas that their families document), converted and computed with.
#include "engine/convert.h"

#include <cstring>

#include "engine/convert/sentence_model.h"
#include "engine/convert/tokenizer_files.h"
#include "engine/embedder.h"
#include "engine/files/safetensors.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "tests/engine/random_weights.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

namespace fs = std::filesystem;
using engine::convert_model;
using engine::TensorType;

Json read(const fs::path& path) { return parse_json(read_file(path), path.string()); }

// The golden folder `name`, copied so that a test can damage it.
fs::path copy_of(const std::string& name, const TempDir& folder) {
  const fs::path copy = folder.path() / name;
  fs::copy(golden("engine/convert/" + name), copy, fs::copy_options::recursive);
  return copy;
}

void change(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = read_file(path);
  const size_t at = text.find(from);
  REQUIRE(at != text.npos);
  write_file_atomic(path, text.replace(at, from.size(), to));
}

std::string error_of(const fs::path& folder, const fs::path& out) {
  try {
    convert_model(folder, std::nullopt, out);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// What is wrong with the tokenizer of a decoder; empty: nothing.
std::string tokens_refusal(const fs::path& folder) {
  engine::GgufWriter writer;
  try {
    engine::write_decoder_tokens(folder, "llama-bpe", 520, writer);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a converted BERT gives the golden ids and embeddings, alone and in a batch") {
  const TempDir folder("convert");
  const fs::path model = folder.path() / "bert.gguf";
  const auto report = convert_model(golden("engine/convert/bert"), std::nullopt, model);
  CHECK(report.architecture == "bert");
  CHECK(report.tensor_count == 37);
  CHECK(report.unused_count == 2);  // the pooler's
  const Json cases = read(golden("engine/convert/bert/embeddings.json"));
  for (const char* level : {"scalar", ""}) {
    const auto embedder = engine::Embedder::load(model, {"cpu", level, 2});
    CHECK(embedder->dim() == 16);
    CHECK(embedder->tokens_max() == 12);
    std::vector<std::string> texts;
    std::vector<float> wanted;
    for (const Json& one : cases) {
      texts.push_back(one.at("text"));
      const std::vector<float> row = one.at("embedding");
      wanted.insert(wanted.end(), row.begin(), row.end());
      INFO(texts.back());
      CHECK(Json(embedder->tokens(texts.back())) == one.at("tokens"));
      const std::string_view view = texts.back();
      CHECK(max_difference(embedder->embed({&view, 1}), row) < 1e-6f);
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    CHECK(max_difference(embedder->embed(views), wanted) < 1e-6f);
    std::vector<float> alone;
    for (const std::string_view view : views) {
      const std::vector<float> row = embedder->embed({&view, 1});
      alone.insert(alone.end(), row.begin(), row.end());
    }
    CHECK(alone == embedder->embed(views));  // to the bit
  }
}

TEST_CASE("converted Llama and Qwen3 models give the golden logits and ids") {
  const TempDir folder("convert");
  for (const std::string name : {"llama", "qwen3"}) {
    INFO(name);
    const fs::path model = folder.path() / (name + ".gguf");
    const auto report = convert_model(golden("engine/convert/" + name), std::nullopt, model);
    CHECK(report.architecture == name);
    CHECK(report.unused_count == 0);
    const Json wanted = read(golden("engine/convert/" + name + "/logits.json"));
    const auto loaded = Engine::load(model, {"cpu", "", 1});
    const std::vector<Token> tokens = wanted.at("tokens");
    const auto sequence = loaded->open();
    const std::vector<float> rows = append(*loaded, *sequence, tokens, true);
    const size_t width = rows.size() / tokens.size();
    const std::vector<float> last = wanted.at("last"), row_5 = wanted.at("row_5");
    CHECK(max_difference(std::span(rows).last(width), last) < 2e-5f);
    CHECK(max_difference(std::span(rows).subspan(5 * width, width), row_5) < 2e-5f);
    const engine::Tokenizer& tokenizer = loaded->tokenizer();
    CHECK(Json(tokenizer.encode(wanted.at("text").get<std::string>(), true)) ==
          wanted.at("text_tokens"));
    CHECK(tokenizer.add_bos() == (name == "llama"));
    CHECK(tokenizer.is_end(static_cast<Token>(width - 2)));
    CHECK(tokenizer.is_end(static_cast<Token>(width - 4)));
    CHECK(tokenizer.unused().size() == 1);
    CHECK(loaded->file().string("tokenizer.chat_template").value_or("").starts_with("{% for"));
  }
}

TEST_CASE("SentencePiece's byte pairs give the golden ids, from either of their files") {
  const fs::path source = golden("engine/convert/sentence_pieces");
  const Json cases = read(source / "cases.json");
  for (const char* name : {"tokenizer.model", "tokenizer.json"}) {
    INFO(name);
    const TempDir folder("convert");
    fs::copy_file(source / name, folder.path() / name);
    engine::GgufWriter writer;
    engine::write_decoder_tokens(folder.path(), "llama-bpe", 520, writer);
    const std::string bytes = writer.bytes();
    const auto file = engine::GgufFile::parse(std::as_bytes(std::span(bytes)), name);
    const auto tokenizer = engine::Tokenizer::make(*file);
    CHECK(tokenizer->vocab_size() == 520);
    CHECK(tokenizer->unused().size() == 8);
    CHECK(tokenizer->bos() == 1);
    CHECK(tokenizer->is_end(2));
    CHECK(tokenizer->add_bos());
    for (const Json& one : cases) {
      const auto text = one.at("text").get<std::string>();
      INFO(text);
      const std::vector<Token> ids = tokenizer->encode(text, false);
      CHECK(Json(ids) == one.at("ids"));
    }
    CHECK_THROWS_WITH(engine::write_decoder_tokens(folder.path(), "llama-bpe", 500, writer),
                      Catch::EndsWith("has more tokens than the model"));
  }
}

TEST_CASE("SentencePiece files that are damaged or of another kind are refused") {
  const std::string good = read_file(golden("engine/convert/sentence_pieces/tokenizer.model"));
  CHECK(engine::parse_sentence_model(good, "m").pieces.size() == 512);
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    std::string bad = good;
    const auto at = static_cast<size_t>(random.next() * static_cast<double>(bad.size()));
    if (round % 2 == 0) bad.resize(at);
    else bad[at] = static_cast<char>(bad[at] ^ (1 << (round % 8)));
    try {
      const auto read = engine::parse_sentence_model(bad, "m");
      CHECK(read.pieces.size() == read.kinds.size());
    } catch (const Error& error) {
      CHECK(error.code() == Code::corrupt);
    }
  }
  const TempDir folder("convert");
  const auto refusal = [&](const std::string& bytes) {
    write_file_atomic(folder.path() / "tokenizer.model", bytes);
    return tokens_refusal(folder.path());
  };
  CHECK(refusal(good).empty());
  // The last of two settings holds: trainer_spec.model_type 1 and treat_whitespace_as_suffix,
  // normalizer_spec's white space, that it is dropped or not shown.
  const std::string settings[] = {"\x12\x02\x18\x01", "\x12\x03\xc0\x01\x01",
                                  "\x1a\x02\x20\x01", {"\x1a\x02\x28\x00", 4}};
  for (const std::string& more : settings) {
    CHECK(refusal(good + more).find("byte pairs over plain text alone") != std::string::npos);
  }
}

TEST_CASE("a tokenizer.json that does more than show spaces is refused") {
  const TempDir folder("convert");
  const fs::path path = folder.path() / "tokenizer.json";
  const std::string good = read_file(golden("engine/convert/sentence_pieces/tokenizer.json"));
  const auto refusal = [&](const char* where, const Json& value) {
    Json changed = parse_json(good, "good");
    if (where[0] != 0) changed[Json::json_pointer(where)] = value;
    write_file_atomic(path, changed.dump());
    return tokens_refusal(folder.path());
  };
  CHECK(refusal("", {}).empty());
  CHECK(refusal("/pre_tokenizer", {{"type", "Metaspace"}, {"split", false}}).empty());
  const std::pair<const char*, Json> others[] = {
      {"/normalizer/normalizers/1/pattern", {{"String", "x"}}},
      {"/normalizer/normalizers/1/pattern", {{"Regex", " "}}},
      {"/normalizer/normalizers/0/prepend", "_"},
      {"/normalizer", {{"type", "NFKC"}}},
      {"/pre_tokenizer", {{"type", "Metaspace"}, {"split", false}, {"replacement", "_"}}},
      {"/pre_tokenizer", {{"type", "Metaspace"}}}};
  for (const auto& [where, value] : others) {
    INFO(where << " " << value.dump());
    CHECK(refusal(where, value).find("is neither byte-level BPE nor") != std::string::npos);
  }
  CHECK(refusal("/model/merges/0", "ab").find("impossible merge") != std::string::npos);
}

TEST_CASE("a converted decoder with last-token pooling is an embedding model") {
  const TempDir folder("convert");
  const fs::path source = copy_of("qwen3", folder), model = folder.path() / "embed.gguf";
  fs::create_directory(source / "1_Pooling");
  write_file_atomic(source / "1_Pooling/config.json", "{\"pooling_mode_lasttoken\": true}");
  convert_model(source, std::nullopt, model);
  const auto embedder = engine::Embedder::load(model, {"cpu", "", 1});
  const std::vector<Token> tokens = embedder->tokens("the cat");
  CHECK(tokens.back() == 261);  // the first end token of config.json
  const std::string_view text = "the cat";
  const std::vector<float> vector = embedder->embed({&text, 1});
  float square = 0;
  for (const float value : vector) square += value * value;
  CHECK(square == Approx(1));
  // The head is the embedding matrix: its product with the state is proportional to the logits.
  const auto loaded = Engine::load(model, {"cpu", "", 1});
  const auto sequence = loaded->open();
  const std::vector<float> logits = append(*loaded, *sequence, tokens);
  const auto* table = reinterpret_cast<const float*>(
      loaded->file().tensor("token_embd.weight")->data);
  double scale = 0;
  for (size_t row = 0; row < logits.size(); ++row) {
    double product = 0;
    for (size_t i = 0; i < vector.size(); ++i) product += double(table[row * 16 + i]) * vector[i];
    if (row == 0) scale = logits[0] / product;
    CHECK(logits[row] == Approx(scale * product).margin(1e-4));
  }
  CHECK_THROWS_AS(engine::Embedder::load(golden("engine/gated-deltanet2-swa.Q8_0.gguf"), {}),
                  Error);
}

TEST_CASE("matrices are converted to the type that is asked for, vectors stay float32") {
  const TempDir folder("convert");
  const fs::path model = folder.path() / "f16.gguf";
  convert_model(golden("engine/convert/llama"), TensorType::f16, model);
  const auto file = engine::GgufFile::open(model);
  CHECK(file->tensor("blk.0.attn_q.weight")->type == TensorType::f16);
  CHECK(file->tensor("blk.0.attn_norm.weight")->type == TensorType::f32);
  // Rows of 16 values are no whole number of blocks.
  convert_model(golden("engine/convert/llama"), TensorType::q8_0, model);
  CHECK(engine::GgufFile::open(model)->tensor("blk.0.attn_q.weight")->type == TensorType::f16);
}

TEST_CASE("what cannot be converted is named") {
  const TempDir folder("convert");
  const fs::path out = folder.path() / "x.gguf";
  {
    const fs::path source = copy_of("llama", folder);
    change(source / "config.json", "\"intermediate_size\":24", "\"intermediate_size\":25");
    CHECK(error_of(source, out).find("'layers.0.mlp.gate_proj.weight' should be {25, 16}") !=
          std::string::npos);
    change(source / "config.json", "\"model_type\":\"llama\"", "\"model_type\":\"gpt_oss\"");
    CHECK(error_of(source, out).find("'gpt_oss'; known: bert llama mistral qwen3") !=
          std::string::npos);
  }
  {
    const fs::path source = copy_of("qwen3", folder);
    change(source / "tokenizer.json", "\"ByteLevel\"", "\"Metaspace\"");
    CHECK(error_of(source, out).find("is neither byte-level BPE nor") != std::string::npos);
  }
  {
    const fs::path source = copy_of("bert", folder);
    fs::remove(source / "model.safetensors");
    CHECK(error_of(source, out).find("no .safetensors file") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("damaged safetensors are refused, wherever they are cut or changed") {
  const TempDir folder("convert");
  const std::string good = read_file(golden("engine/convert/bert/model.safetensors"));
  const fs::path path = folder.path() / "model.safetensors";
  const auto refused = [&](const std::string& bytes) {
    write_file_atomic(path, bytes);
    engine::SafeTensors tensors;
    try {
      tensors.add(path);
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  CHECK_FALSE(refused(good));
  for (const size_t size : {size_t{0}, size_t{7}, size_t{8}, size_t{100}, good.size() - 1}) {
    CHECK(refused(good.substr(0, size)));
  }
  const auto header = [&](const std::string& json, size_t data) {
    const uint64_t size = json.size();
    std::string bytes(reinterpret_cast<const char*>(&size), 8);
    return bytes + json + std::string(data, '\0');
  };
  CHECK_FALSE(refused(header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8)));
  for (const char* entry :
       {R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})",
        R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})",
        R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})",
        R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]})",
        R"({"dtype":"F99","shape":[2],"data_offsets":[0,8]})",
        R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})",
        R"({"dtype":"F32","shape":[2],"data_offsets":[0]})", "[]", "1"}) {
    INFO(entry);
    CHECK(refused(header("{\"a\":" + std::string(entry) + "}", 8)));
  }
  std::string huge = header("{}", 0);
  const uint64_t size = ~uint64_t{0};
  std::memcpy(huge.data(), &size, 8);
  CHECK(refused(huge));
}

}  // namespace corvid::test
