#pragma once
// Text -> vectors, with an embedding model: an encoder (bert, nomic-bert), or a decoder whose file
// names a pooling (Qwen3-Embedding).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace corvid::engine {

// Const and thread-safe after construction.
class Embedder {
 public:
  // Throws like Engine::load(); unsupported for a model that is not made for embeddings or whose
  // pooling is not mean, CLS or last.
  static std::unique_ptr<Embedder> load(const std::filesystem::path& model,
                                        const EngineOptions& options);
  ~Embedder();

  int32_t dim() const;
  int32_t tokens_max() const;  // of a text, special ones included; the rest is cut off
  const std::string& name() const;  // changes whenever the model does

  // A text's tokens with the special ones that the file asks for, cut to tokens_max().
  std::vector<Token> tokens(std::string_view text) const;

  // One vector of unit length per text, (texts.size(), dim), the same whatever else is embedded at
  // the same time. Prefixes that a model wants ("search_query: ") are the caller's.
  std::vector<float> embed(std::span<const std::string_view> texts) const;
  // The same for tokens as they are, 1 to tokens_max() of each.
  std::vector<float> embed_tokens(std::span<const std::vector<Token>> texts) const;

 private:
  struct Impl;
  explicit Embedder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Whether Embedder::load() would take such a file, by its metadata.
bool is_embedding_model(const GgufFile& file);

}  // namespace corvid::engine
