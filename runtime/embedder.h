#pragma once
// The built-in embedder: a table of static token vectors in a GGUF file. Format: tensors
// `token_embd.weight` (I8, {dim, pieces}) and `token_embd.scale` (F32, {pieces}), key
// `corvid.embedder.pieces` (WordPieces, one per line). examples/embedder makes it.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/gguf.h"
#include "memory/ports.h"
#include "runtime/paths.h"

namespace corvid::runtime {

inline constexpr const char* kEmbedderFile = "token-vectors.gguf";

// Const and thread-safe after construction.
class TokenVectors {
 public:
  // Maps the file. Throws not_found, io, corrupt, unsupported.
  static std::shared_ptr<const TokenVectors> open(const std::filesystem::path& path);
  static std::shared_ptr<const TokenVectors> from(std::unique_ptr<engine::GgufFile> file);
  ~TokenVectors();

  // The mean of the rows of the text's first word pieces, of unit length; empty when the text has
  // no known piece.
  std::vector<float> embed(std::string_view text) const;

  int64_t dim() const;
  const std::string& name() const;  // changes whenever the table does

 private:
  struct Impl;
  explicit TokenVectors(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What memory is given: `choice` is "built-in", "none", or a path to a table or to an embedding
// model (engine/embedder.h). With "built-in" a missing file means none; otherwise throws not_found.
memory::Ports memory_ports(const Paths& paths, const std::string& choice = "built-in");

}  // namespace corvid::runtime
