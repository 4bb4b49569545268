#include "runtime/base/real_paths.h"

#include <unistd.h>

namespace corvid {

namespace fs = std::filesystem;

fs::path RealPaths::of(const fs::path& given) {
  fs::path path = given.lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (!path.has_relative_path()) return path;
  const fs::path above = path.parent_path();
  auto folder = folders_.find(above.native());
  if (folder == folders_.end()) folder = folders_.emplace(above.native(), of(above)).first;
  const fs::path place = folder->second / path.filename();
  char target[1];
  if (::readlink(place.c_str(), target, sizeof target) < 0) return place;
  std::error_code error;
  fs::path real = fs::weakly_canonical(place, error);
  return error ? place : real;
}

}  // namespace corvid
