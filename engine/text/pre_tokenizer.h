#pragma once
// Cuts text into the pieces within which byte pairs are merged.

#include <memory>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"

namespace corvid::engine {

// One scheme of `tokenizer.ggml.pre`. Const and thread-safe after construction.
class PreTokenizer {
 public:
  // Throws `if_unknown`, naming the known schemes.
  explicit PreTokenizer(std::string_view name, Code if_unknown = Code::unsupported);
  ~PreTokenizer();

  // Pieces in order; together they are the text. Bytes that are not UTF-8 are in pieces of their
  // own.
  std::vector<std::string_view> split(std::string_view text) const;
  // A piece that is a whole vocabulary entry is taken as it is.
  bool ignore_merges() const { return ignore_merges_; }
  // What files of this scheme mean that do not say whether text begins with BOS (Llama 3's and
  // Mistral's rely on it).
  bool adds_bos() const { return ignore_merges_; }

 private:
  struct Pattern;
  std::vector<std::unique_ptr<Pattern>> patterns_;
  bool ignore_merges_ = false;
  bool group_digits_ = false;
};

}  // namespace corvid::engine
