#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "memory/recall/corpus.h"
#include "memory/recall/postings.h"
#include "memory/recall/vectors.h"
#include "memory/store.h"

namespace corvid::memory {

// What recall keeps of the turns of some scopes.
struct Kept {
  Corpus corpus;
  Vectors vectors{};
  Postings postings{};
};

// A file beside a large store from which recall starts at once: mapped, not read, so that opening a
// million turns takes milliseconds. A cache: without it, the same answers come from the store. It
// holds words and vectors of the turns, is bound to the store's generation and goes with
// Store::scrub(), so that nothing of what was forgotten stays in it.
struct SnapshotOf {
  std::vector<ScopeId> scopes{};
  std::string embedder{};  // "": without vectors
};

// Stores of fewer turns have none; with one, it is made anew when so many, and an eighth of its
// own, have come.
inline constexpr int64_t kSnapshotTurnsMin = 20'000;

// nullopt: there is none, or it is damaged or of another history of the store. It may lack the
// newest turns.
std::optional<Kept> load_snapshot(const Store& store, const SnapshotOf& what);

// Rows of the file that is there, 0 without one.
int64_t snapshot_rows(const Store& store, const SnapshotOf& what);

// Makes the file anew. `store` is the caller's alone for so long. False: the store has no place for
// such files, or something was erased meanwhile. Throws io; cancelled when `go_on` says no.
bool save_snapshot(Store& store, const SnapshotOf& what, const std::function<bool()>& go_on);

}  // namespace corvid::memory
