#pragma once
// Files and folders of a snapshot on their way back to disk. Private to the snapshot store.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runtime/snapshot.h"

namespace corvid::runtime {

// As SnapshotStore::put_back; `content` gives the bytes of a file.
std::vector<std::string> put_back_beneath(
    const std::filesystem::path& root, const WantedFiles& wanted,
    const std::function<std::string(const SnapshotEntry& entry)>& content);

// Writes one file or link, making the folders above it. The way to it is free. Throws io.
void write_entry(const SnapshotEntry& entry, const std::string& bytes,
                 const std::filesystem::path& root, const std::string& path);

}  // namespace corvid::runtime
