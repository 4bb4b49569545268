#include "engine/wordpiece.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "engine/gguf.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

using namespace corvid;
using namespace corvid::engine;


TEST_CASE("WordPiece gives the pieces that Hugging Face's BertTokenizer gives") {
  const auto file = GgufFile::open(CORVID_SOURCE_DIR "/examples/embedder/token-vectors.gguf");
  const std::string list = *file->string("corvid.embedder.pieces");
  const std::vector<std::string_view> pieces = split_lines(list);
  const WordPiece words(pieces);
  const std::string name = CORVID_SOURCE_DIR "/tests/golden/engine/wordpiece.json";
  for (const Json& golden : parse_json(read_file(name), name)) {
    const std::string text = golden["text"];
    INFO(text);
    std::vector<std::string> found;
    for (const int32_t id : words.encode(text, -1, 1000)) {
      found.emplace_back(pieces[static_cast<size_t>(id)]);
    }
    CHECK(found == golden["pieces"].get<std::vector<std::string>>());
  }
}

TEST_CASE("WordPiece takes the longest piece, marks what is unknown, and stops at the limit") {
  const WordPiece words({"[UNK]", "ab", "abc", "##d", "##de", "!", "x"});
  CHECK(words.encode("ABCDE ab!", 0, 100) == std::vector<int32_t>{2, 4, 1, 5});
  CHECK(words.encode("abz x", 0, 100) == std::vector<int32_t>{0, 6});
  CHECK(words.encode("abz x", -1, 100) == std::vector<int32_t>{6});
  CHECK(words.encode("x x x x", -1, 2).size() == 2);
  CHECK(words.encode("x\xff x\xe2\x82", -1, 100) == std::vector<int32_t>{6, 6});
  CHECK(words.encode(std::string(1 << 20, 'x'), -1, 100).empty());
  CHECK(WordPiece({}).encode("anything", -1, 100).empty());
}
