#include "runtime/seen_files.h"

#include <fstream>
#include <sstream>

#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

// "corvid seen files 1 BOOT\n", "SIZE MTIME CTIME INODE MODE PERMISSIONS BLOB PATH\0" for each
// file, and the end.
constexpr const char* kEnd = "end\n";

std::string first_line() {
  return "corvid seen files 1 " + read_file("/proc/sys/kernel/random/boot_id", 4096);
}

bool read_line(const std::string& line, SeenFiles& seen) {
  std::istringstream words(line);
  SeenFile file;
  std::string path;
  words >> file.stamp.size >> file.stamp.mtime_ns >> file.stamp.ctime_ns >> file.stamp.inode >>
      file.entry.mode >> file.entry.permissions >> file.entry.blob;
  words.get();
  if (!words || !std::getline(words, path, '\0')) return false;
  seen.emplace_hint(seen.end(), std::move(path), std::move(file));
  return true;
}

}  // namespace

SeenFiles read_seen_files(const fs::path& file) {
  SeenFiles seen;
  try {
    const std::string text = read_file(file), first = first_line();
    if (!text.starts_with(first) || !text.ends_with(kEnd)) return {};
    for (size_t at = first.size(), stop; (stop = text.find('\0', at)) != text.npos; at = stop + 1) {
      if (!read_line(text.substr(at, stop - at), seen)) return {};
    }
  } catch (const Error&) {  // edge: it is a cache
    return {};
  }
  return seen;
}

void write_seen_files(const fs::path& file, const SeenFiles& seen) {
  std::error_code error;
  const fs::path temporary = file.string() + ".new";
  try {
    std::ofstream out(temporary, std::ios::binary);
    out << first_line();
    for (const auto& [path, each] : seen) {
      out << each.stamp.size << ' ' << each.stamp.mtime_ns << ' ' << each.stamp.ctime_ns << ' '
          << each.stamp.inode << ' ' << each.entry.mode << ' ' << each.entry.permissions << ' '
          << each.entry.blob << ' ' << path << '\0';
    }
    out << kEnd;
    out.close();
    if (out) fs::rename(temporary, file, error);
  } catch (const Error&) {  // edge: it is a cache
  }
  fs::remove(temporary, error);
}

}  // namespace corvid::runtime
