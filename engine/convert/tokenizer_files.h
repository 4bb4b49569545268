#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/gguf.h"

namespace corvid::engine {

// A published tokenizer as metadata: vocab.txt of an uncased BERT; for decoders, filled up to
// `vocab_size`, tokenizer.json with byte-level BPE, whose pre-tokenizer GGUF calls `pre`, else the
// byte pairs of SentencePiece in tokenizer.model or tokenizer.json, with the chat template of
// tokenizer_config.json or chat_template.jinja. Throw unsupported for other tokenizers, corrupt.
void write_word_pieces(const std::filesystem::path& folder, GgufWriter& out);
void write_decoder_tokens(const std::filesystem::path& folder, const std::string& pre,
                          int64_t vocab_size, GgufWriter& out);

}  // namespace corvid::engine
