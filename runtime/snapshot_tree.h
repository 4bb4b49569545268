#pragma once
// How a snapshot stands in its repository: a git tree of the files, and beside them what git's
// trees cannot say. Private to the snapshot store.

#include <functional>
#include <map>
#include <string>

#include "runtime/git_functions.h"
#include "runtime/snapshot.h"

namespace corvid::runtime {

git_oid parse_id(const std::string& text);  // throws not_found or io

template <typename T, auto Free>  // a member of GitFunctions
struct GitHandle {
  T* pointer = nullptr;
  ~GitHandle() {
    if (pointer != nullptr) (git().*Free)(pointer);
  }
};

// Writes all of `snapshot` but its tree's id, which it returns. The files' contents are there.
std::string write_snapshot_tree(git_odb* odb, const Snapshot& snapshot);

// Throws not_found.
Snapshot read_snapshot_tree(git_repository* repository, git_odb* odb, const std::string& tree);

std::string read_blob(git_odb* odb, const std::string& id);  // throws not_found

}  // namespace corvid::runtime
