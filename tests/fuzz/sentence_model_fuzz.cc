// SentencePiece's own files, as `corvid model convert` reads them.
#include "engine/convert/sentence_model.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

std::vector<std::string> fuzz_seeds() {
  return {read_file(std::string(CORVID_SOURCE_DIR) +
                    "/tests/golden/engine/convert/sentence_pieces/tokenizer.model")};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto model = engine::parse_sentence_model(fuzz::text_of(data, size), "fuzzed");
    fuzz::check(!model.pieces.empty());
    fuzz::check(model.pieces.size() == model.scores.size());
    fuzz::check(model.pieces.size() == model.kinds.size());
  } catch (const Error&) {
  }
  return 0;
}
