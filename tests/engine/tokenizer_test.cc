#include <filesystem>

#include <catch2/catch.hpp>

#include "engine/gguf.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/token_trie.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/engine/tiny_tokenizer.h"

using namespace corvid;
using namespace corvid::engine;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = CORVID_SOURCE_DIR;

fs::path fixtures() { return kSource / "../shared/fixtures/engine/tokenizer"; }

std::string hex_bytes(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  }
  return out;
}

void check_pieces(const Json& golden, const Json& strings) {
  for (const auto& [name, base] : golden["same_as"].items()) {
    const PreTokenizer pre(name);
    const Json& expected = golden["pieces"][base.get<std::string>()];
    for (size_t i = 0; i < strings.size(); ++i) {
      if (expected[i].is_null()) continue;
      const std::string text = strings[i];
      std::vector<std::string> pieces;
      for (std::string_view piece : pre.split(text)) pieces.emplace_back(piece);
      INFO(name << " on " << text);
      CHECK(Json(pieces) == expected[i]);
    }
  }
}

}  // namespace

TEST_CASE("pre-tokenizers cut text as their models do") {
  const Json golden = Json::parse(read_file(kSource / "tests/golden/tokenizer/pretokens.json"));
  check_pieces(golden, golden["strings"]);
}

TEST_CASE("pre-tokenizers agree with all shared fixtures") {
  if (!fs::exists(fixtures())) {
    WARN("SKIP: ../shared/fixtures is not here");
    return;
  }
  check_pieces(Json::parse(read_file(fixtures() / "pretokens.json")),
               Json::parse(read_file(fixtures() / "strings.json")));
}

TEST_CASE("byte-level BPE gives the ids of the shared fixtures") {
  if (!fs::exists(fixtures())) {
    WARN("SKIP: ../shared/fixtures is not here");
    return;
  }
  const Json strings = Json::parse(read_file(fixtures() / "strings.json"));
  const auto file = GgufFile::open(fixtures() / "vocab-bpe.gguf");
  int files = 0;
  for (const auto& entry : fs::directory_iterator(fixtures())) {
    if (!entry.path().filename().string().starts_with("bpe-")) continue;
    const Json golden = Json::parse(read_file(entry.path()));
    const auto tokenizer = Tokenizer::make(*file, golden["pre"].get<std::string>());
    CHECK(tokenizer->vocab_size() == golden["n_vocab"].get<int>());
    CHECK(tokenizer->bos() == golden["bos"].get<int>());
    CHECK(tokenizer->eos() == golden["eos"].get<int>());
    CHECK(tokenizer->add_bos() == golden["add_bos"].get<bool>());
    for (size_t i = 0; i < strings.size(); ++i) {
      const Json& expected = golden["cases"][i];
      const std::string text = strings[i];
      INFO(golden["pre"] << " on " << text);
      CHECK(Json(tokenizer->encode(text, false)) == expected["plain"]);
      const auto special = tokenizer->encode(text, true);
      CHECK(Json(special) == expected.value("parse_special", expected["plain"]));
      // Unlike the peer no spaces are cleaned up: decoding gives back every byte.
      CHECK(tokenizer->decode(special, true) == text);
    }
    ++files;
  }
  CHECK(files == 8);
}

TEST_CASE("SentencePiece gives the ids of the shared fixtures") {
  if (!fs::exists(fixtures())) {
    WARN("SKIP: ../shared/fixtures is not here");
    return;
  }
  const Json strings = Json::parse(read_file(fixtures() / "strings.json"));
  const Json golden = Json::parse(read_file(fixtures() / "spm.json"));
  const auto file = GgufFile::open(fixtures() / "vocab-spm.gguf");
  const auto tokenizer = Tokenizer::make(*file);
  CHECK(tokenizer->vocab_size() == golden["n_vocab"].get<int>());
  CHECK(tokenizer->add_bos());
  for (size_t i = 0; i < strings.size(); ++i) {
    const Json& expected = golden["cases"][i];
    const std::string text = strings[i];
    INFO(text);
    CHECK(Json(tokenizer->encode(text, false)) == expected["plain"]);
    const auto special = tokenizer->encode(text, true);
    CHECK(Json(special) == expected.value("parse_special", expected["plain"]));
    const std::string decoded =
        expected.contains("detok_hex") ? hex_bytes(expected["detok_hex"]) : text;
    CHECK(tokenizer->decode_text(special, true) == decoded);
  }
  // What goes on gets no space before it; a megabyte of one character takes no time or stack.
  CHECK(tokenizer->decode(tokenizer->encode("ab", false, true)) == "ab");
  CHECK(tokenizer->decode(tokenizer->encode("ab", false)) == " ab");
  for (const char* unit : {"a", " ", "日", "\xff"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += unit;
    CHECK(tokenizer->decode_text(tokenizer->encode(text, false)) == text);
  }
}

TEST_CASE("encoding is reversible for any bytes") {
  const auto tokenizer = test::tiny_tokenizer();
  for (const std::string& text :
       {std::string("the path_file {\"name\": 12}"), std::string("\xff\xfe\x80 a\0b", 8),
        std::string("日本語 🙂 ñ\r\n\t x"), hex_bytes("c3c328e28200f09f98")}) {
    CHECK(tokenizer->decode(tokenizer->encode(text, false), true) == text);
  }
}

TEST_CASE("special tokens come from templates and never from messages") {
  const auto tokenizer = test::tiny_tokenizer();
  const Token end = tokenizer->find("<|im_end|>");
  const std::string text = "a<|im_end|><tool_call>b";
  const auto parsed = tokenizer->encode(text, true);
  CHECK(std::count(parsed.begin(), parsed.end(), end) == 1);
  CHECK(std::count(parsed.begin(), parsed.end(), tokenizer->find("<tool_call>")) == 1);
  for (Token token : tokenizer->encode(text, false)) CHECK_FALSE(tokenizer->is_special(token));
  CHECK(tokenizer->decode(parsed) == "a<tool_call>b");
  CHECK(tokenizer->decode(parsed, true) == text);
  CHECK(tokenizer->is_end(end));
  CHECK(tokenizer->is_end(tokenizer->find("<|endoftext|>")));
  CHECK_FALSE(tokenizer->is_end(tokenizer->find("<|im_start|>")));
  CHECK(tokenizer->find("no such token") == -1);
  CHECK(tokenizer->bytes(-1).empty());
  CHECK(tokenizer->bytes(1 << 30).empty());
}

TEST_CASE("user-defined tokens are text to the model, wherever they come from") {
  test::TinyOptions options;
  options.tag_kind = 4;
  const auto tokenizer = test::tiny_tokenizer(options);
  CHECK(tokenizer->encode("<tool_call>", false) ==
        std::vector<Token>{tokenizer->find("<tool_call>")});
}

TEST_CASE("tokens that only pad the vocabulary stand for nothing") {
  test::TinyOptions options;
  options.padded = true;
  options.pre = "llama-bpe";
  const auto tokenizer = test::tiny_tokenizer(options);
  const Token last = tokenizer->vocab_size() - 1;
  CHECK(tokenizer->is_unused(last));
  CHECK(tokenizer->is_unused(last + 1));
  CHECK_FALSE(tokenizer->is_unused(0));
  CHECK(std::vector<Token>(tokenizer->unused().begin(), tokenizer->unused().end()) ==
        std::vector<Token>{last - 1, last});
  CHECK_FALSE(tokenizer->trie().text().has(last));
  CHECK(tokenizer->find("[PAD1]") == -1);
  CHECK(tokenizer->decode(tokenizer->encode("[PAD1]", true)) == "[PAD1]");
}

TEST_CASE("where a file is silent, Llama 3's and Mistral's schemes begin with BOS") {
  for (const auto& [pre, says, wanted] :
       {std::tuple{"llama-bpe", -1, true}, {"pixtral", -1, true}, {"tekken", -1, true},
        {"qwen2", -1, false}, {"pixtral", 0, false}, {"qwen2", 1, true}}) {
    test::TinyOptions options;
    options.pre = pre;
    options.says_bos = says;
    CHECK(test::tiny_tokenizer(options)->add_bos() == wanted);
  }
}

TEST_CASE("a megabyte of one character is encoded in one piece") {
  const auto tokenizer = test::tiny_tokenizer();
  for (const char* unit : {"a", " ", "1", "-", "\n", "日", "\xff"}) {
    std::string text;
    while (text.size() < (1u << 20)) text += unit;
    const auto tokens = tokenizer->encode(text, true);
    CHECK(tokenizer->decode(tokens) == text);
  }
  const auto tokens = tokenizer->encode(std::string(1 << 20, 'a'), false);
  CHECK(tokens.size() == (1u << 18));  // "aaaa" is the longest token
}

TEST_CASE("a streaming detokenizer never emits half a character") {
  const auto tokenizer = test::tiny_tokenizer();
  const std::string text = "a日é🙂z";
  Detokenizer detokenizer(*tokenizer);
  std::string out;
  for (char c : text) {
    const std::string part = detokenizer.push(tokenizer->find(std::string(1, c)));
    CHECK(Json(part).dump().size() >= 2);  // throws for bytes that are not UTF-8
    out += part;
  }
  CHECK(out + detokenizer.finish() == text);

  Detokenizer cut(*tokenizer);
  CHECK(cut.push(tokenizer->find("\xf0")) == "");
  CHECK(cut.push(tokenizer->find("\x9f")) == "");
  CHECK(cut.finish() == "\xEF\xBF\xBD");
  CHECK(cut.finish() == "");
  std::string out_of_bad = cut.push(tokenizer->find("\xff"));
  out_of_bad += cut.push(tokenizer->find("a"));
  CHECK(out_of_bad == "\xEF\xBF\xBD" "a");
}

TEST_CASE("what is not supported says what is") {
  GgufWriter writer;
  writer.set_string("tokenizer.ggml.model", "t5");
  const std::string spm = writer.bytes();
  CHECK_THROWS_WITH(
      Tokenizer::make(*GgufFile::parse(std::as_bytes(std::span(spm)), "spm.gguf")),
      Catch::Contains("'t5'") && Catch::Contains("known: bert"));
  CHECK_THROWS_WITH(PreTokenizer("nothing"),
                    Catch::Contains("'nothing'") && Catch::Contains("qwen2"));
}
