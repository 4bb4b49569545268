// Text through two tokenizers, and tokenizers out of damaged files.
#include "engine/convert.h"
#include "engine/gguf.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

namespace {

std::string converted(const std::string& name) {
  const TempDir folder("fuzz");
  const auto path = folder.path() / "model.gguf";
  engine::convert_model(std::string(CORVID_SOURCE_DIR) + "/tests/golden/engine/convert/" + name,
                        std::nullopt, path);
  return read_file(path);
}

std::unique_ptr<engine::GgufFile> parsed(std::string_view bytes) {
  return engine::GgufFile::parse(std::as_bytes(std::span(bytes)), "fuzzed");
}

// Without the weights, which a tokenizer does not need.
std::string vocabulary(const std::string& name) {
  const auto file = parsed(converted(name));
  engine::GgufWriter writer;
  for (const std::string& key : file->keys()) writer.copy_value(*file, key);
  return writer.bytes();
}

// The whole of a text comes back: bytes are lost nowhere.
void check_text(std::string_view text) {
  static const auto bytes = parsed(vocabulary("llama"));
  static const auto byte_pairs = engine::Tokenizer::make(*bytes);
  static const auto words = engine::Tokenizer::make(*parsed(vocabulary("bert")));
  for (const bool special : {false, true}) {
    fuzz::check(byte_pairs->decode(byte_pairs->encode(text, special), true) == text);
    for (const engine::Token token : words->encode(text, special)) {
      fuzz::check(token >= 0 && token < words->vocab_size());
    }
  }
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  return {"tThe cat's 123 dogs, <|end|> \n\n  x = \"日本\";", "t[CLS] déployé (a-b) \t\r\n",
          "f" + vocabulary("llama"), "f" + vocabulary("bert")};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest = fuzz::text_of(data + 1, size - 1);
  try {
    if (data[0] != 'f') {
      check_text(rest);
      return 0;
    }
    const auto tokenizer = engine::Tokenizer::make(*parsed(rest));
    const auto tokens = tokenizer->encode("The cat's 123 <|end|> 日本 [CLS] x", true);
    tokenizer->decode(tokens, true);
    tokenizer->trie();
  } catch (const Error&) {
  }
  return 0;
}
