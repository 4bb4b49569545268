#include "runtime/overlay.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

// None where nothing is.
std::optional<struct stat> look(const fs::path& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

bool has_stamp(const fs::path& path, const FileStamp& stamp) {
  const auto status = look(path);
  return status.has_value() && stamp_of(*status) == stamp;
}

// Whether the mount can show it: user 0's rights over what others own do not reach into it.
bool can_be_shown(const fs::path& path) {
  const auto status = look(path);
  if (!status.has_value()) return false;
  if (S_ISLNK(status->st_mode)) return true;
  const unsigned wanted = S_ISDIR(status->st_mode) ? R_OK | X_OK : R_OK;
  if (::faccessat(AT_FDCWD, path.c_str(), int(wanted), AT_EACCESS) != 0) return false;
  return ::geteuid() != 0 || status->st_uid == 0 || (status->st_mode & wanted) == wanted;
}

// What the folder beneath has in place of this one is not seen.
void close_folder(const fs::path& path) {
  if (::setxattr(path.c_str(), "user.overlay.opaque", "y", 1, 0) != 0) {
    fail_errno("cannot mark the folder " + path.string());
  }
}

void put_whiteout(const fs::path& path) {
  if (::mknod(path.c_str(), S_IFCHR, ::makedev(0, 0)) != 0) {
    fail_errno("cannot make the whiteout " + path.string());
  }
}

}  // namespace

std::optional<FileStamp> settled_stamp(const fs::path& path) {
  constexpr int kLooksMax = 4;
  for (int looks = 0; looks < kLooksMax; ++looks) {
    const auto status = look(path);
    if (!status.has_value()) return std::nullopt;
    const FileStamp stamp = stamp_of(*status);
    if (is_settled(stamp)) return stamp;
    if (stamp.ctime_ns / 1'000'000'000 > ::time(nullptr) + 1) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
  }
  return std::nullopt;
}

Overlay::Overlay(fs::path copy, fs::path folder, std::map<std::string, FileStamp> wanted)
    : copy_(std::move(copy)), folder_(std::move(folder)), wanted_(std::move(wanted)) {
  std::map<std::string, bool> open;
  const std::function<bool(const fs::path&)> is_open = [&](const fs::path& relative) {
    const auto [known, is_new] = open.try_emplace(relative.string(), false);
    if (!is_new) return known->second;
    const bool is_open_above = relative.empty() || is_open(relative.parent_path());
    return known->second = is_open_above && can_be_shown(folder_ / relative);
  };
  std::erase_if(wanted_, [&](const auto& file) {
    const fs::path place = folder_ / file.first;
    return look(copy_ / file.first).has_value() || !has_stamp(place, file.second) ||
           !can_be_shown(place) || !is_open(fs::path(file.first).parent_path());
  });
  if (wanted_.empty()) return;
  way_.insert("");
  for (const auto& [path, stamp] : wanted_) {
    for (fs::path above = fs::path(path).parent_path(); !above.empty();
         above = above.parent_path()) {
      if (!way_.insert(above.string()).second) break;
    }
  }
  merge("");
}

void Overlay::merge(const std::string& relative) {
  const auto stamp = settled_stamp(folder_ / relative);
  if (!stamp.has_value()) fail(Code::timeout, "the folder " + relative + " goes on changing");
  folders_[relative] = *stamp;
  std::error_code error;
  fs::directory_iterator entries(folder_ / relative, error);
  if (error) fail(Code::timeout, "cannot list " + relative + ": " + error.message());
  for (const fs::directory_entry& entry : entries) {
    const std::string path = (fs::path(relative) / entry.path().filename()).string();
    const auto below = look(entry.path()), own = look(copy_ / path);
    if (!below.has_value()) continue;
    const bool is_folder = S_ISDIR(below->st_mode), is_on_way = is_folder && way_.contains(path);
    const auto wanted = wanted_.find(path);
    if (own.has_value() && !(is_folder && S_ISDIR(own->st_mode))) continue;
    if (is_on_way) {
      if (!own.has_value()) fs::create_directory(copy_ / path);
      merge(path);
    } else if (own.has_value()) {
      close_folder(copy_ / path);
    } else if (wanted != wanted_.end() && stamp_of(*below) == wanted->second) {
      files_.insert(*wanted);
    } else {
      put_whiteout(copy_ / path);
    }
  }
}

bool Overlay::is_unchanged() const {
  const auto stands = [this](const auto& known) {
    return has_stamp(folder_ / known.first, known.second);
  };
  return std::ranges::all_of(files_, stands) && std::ranges::all_of(folders_, stands);
}

}  // namespace corvid::runtime
