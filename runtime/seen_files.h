#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "runtime/snapshot.h"

namespace corvid::runtime {

// A file as a snapshot has recorded it; while its stamp stays, so does its content.
struct SeenFile {
  FileStamp stamp;
  SnapshotEntry entry;
};
using SeenFiles = std::map<std::string, SeenFile>;  // by relative path

// What an earlier process has seen, so that it is not read and hashed again. Nothing where `file`
// is missing, damaged, or was written before the machine started: the objects that it names may not
// have reached the disk then.
SeenFiles read_seen_files(const std::filesystem::path& file);

// Where it cannot be written, the next process sees everything anew.
void write_seen_files(const std::filesystem::path& file, const SeenFiles& seen);

}  // namespace corvid::runtime
