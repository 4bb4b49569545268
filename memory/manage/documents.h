#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "memory/ingest/ingest.h"
#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

inline constexpr size_t kChunkBytes = 1200;       // of a document, about
inline constexpr int64_t kDocumentBytesMax = 4 << 20;
inline constexpr size_t kDocumentsMax = 20'000;   // below one folder

// Paragraphs put together up to kChunkBytes, never over a heading; each piece starts with the
// heading that it stands under.
std::vector<std::string> cut_document(std::string_view text);

// The session of a document, which tells its path unless that is very long.
std::string document_session(const std::filesystem::path& file);

// A document as turns.
std::vector<NewTurn> read_document(const std::filesystem::path& file, const std::string& name);

// The documents below a folder: text by its ending, hidden ones left out, sorted.
std::vector<std::filesystem::path> find_documents(const std::filesystem::path& folder);

// Withdraws the turns of `session` that are not among `turns`, and takes back withdrawals of those
// that are. How many were withdrawn. Inside the caller's transaction.
int64_t withdraw_others(Store& store, ScopeId scope, const std::string& session,
                        const std::vector<NewTurn>& turns, Time now);

}  // namespace corvid::memory
