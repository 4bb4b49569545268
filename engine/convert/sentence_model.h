#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine {

// What a SentencePiece model file (tokenizer.model) holds, as far as a GGUF says it too.
struct SentenceModel {
  std::vector<std::string> pieces;
  std::vector<double> scores;
  std::vector<int64_t> kinds;  // numbered as GGUF numbers them
  int64_t algorithm = 1;       // 1 unigram, 2 byte pairs, 3 words, 4 characters
  bool changes_text = false;   // in another way than by U+2581 for a space, one perhaps in front
  bool adds_space = true;      // before the text
  int64_t unknown = 0, bos = 1, eos = 2;
};

// Reads the protocol buffer (sentencepiece_model.proto). Throws corrupt, with NAME.
SentenceModel parse_sentence_model(std::string_view bytes, const std::string& name);

}  // namespace corvid::engine
