#pragma once

#include <cstdint>
#include <filesystem>

#include "engine/gguf.h"

namespace corvid::engine {

// A published tokenizer as metadata: vocab.txt of an uncased BERT; tokenizer.json with byte-level
// BPE, filled up to `vocab_size`, whose pre-tokenizer GGUF calls `pre`, with the chat template of
// tokenizer_config.json or chat_template.jinja. Throw unsupported for other tokenizers, corrupt.
void write_word_pieces(const std::filesystem::path& folder, GgufWriter& out);
void write_byte_pairs(const std::filesystem::path& folder, const std::string& pre,
                      int64_t vocab_size, GgufWriter& out);

}  // namespace corvid::engine
