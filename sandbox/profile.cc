#include "sandbox/profile.h"

#include <algorithm>
#include <string_view>

namespace corvid::sandbox {
namespace {

using Path = std::filesystem::path;

// As text: comparing paths part by part takes many times as long, and policies do it all the time.
bool is_same(const Path& a, const Path& b) { return a.native() == b.native(); }
bool is_same(const std::string& a, const std::string& b) { return a == b; }
bool is_same(const Mount& a, const Mount& b) { return a == b; }

template <typename T>
bool contains(const std::vector<T>& items, const T& item) {
  return std::any_of(items.begin(), items.end(),
                     [&](const T& other) { return is_same(item, other); });
}

bool is_beneath_any(const Path& path, const std::vector<Path>& roots) {
  return std::any_of(roots.begin(), roots.end(),
                     [&](const Path& root) { return is_beneath(path, root); });
}

// What lies in a root of `a` and in a root of `b`.
std::vector<Path> common_roots(const std::vector<Path>& a, const std::vector<Path>& b) {
  std::vector<Path> common;
  for (const Path& root : a) {
    if (is_beneath_any(root, b)) common.push_back(root);
  }
  for (const Path& root : b) {
    if (!contains(common, root) && is_beneath_any(root, a)) common.push_back(root);
  }
  return common;
}

template <typename T>
std::vector<T> in_both(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> both;
  std::copy_if(a.begin(), a.end(), std::back_inserter(both),
               [&](const T& item) { return contains(b, item); });
  return both;
}

template <typename T>
std::vector<T> in_either(std::vector<T> a, const std::vector<T>& b) {
  for (const T& item : b) {
    if (!contains(a, item)) a.push_back(item);
  }
  return a;
}

}  // namespace

bool is_beneath(const Path& path, const Path& root) {
  std::string_view above = root.native();
  if (above.ends_with('/')) above.remove_suffix(1);
  const std::string_view text = path.native();
  return text.starts_with(above) && (text.size() == above.size() || text[above.size()] == '/');
}

Profile intersect(Profile a, const Profile& b) {
  if (a == b) return a;  // most rules of a policy give the same one, and a copy costs the most
  Profile both;
  // Writing includes reading: a root that one may write and the other read can be read.
  const std::vector<Path> a_readable = in_either(a.read_roots, a.write_roots);
  const std::vector<Path> b_readable = in_either(b.read_roots, b.write_roots);
  both.write_roots = common_roots(a.write_roots, b.write_roots);
  for (const Path& root : common_roots(a_readable, b_readable)) {
    if (!contains(both.write_roots, root)) both.read_roots.push_back(root);
  }
  both.protected_paths = in_either(a.protected_paths, b.protected_paths);
  both.hidden_paths = in_either(a.hidden_paths, b.hidden_paths);
  both.mounts = in_both(a.mounts, b.mounts);
  if (a.home == b.home) both.home = a.home;
  both.environment = in_both(a.environment, b.environment);
  both.allow_network = a.allow_network && b.allow_network;
  both.allowed_hosts = in_both(a.allowed_hosts, b.allowed_hosts);
  both.denied_hosts = in_either(a.denied_hosts, b.denied_hosts);
  both.memory_bytes_max = std::min(a.memory_bytes_max, b.memory_bytes_max);
  both.processes_max = std::min(a.processes_max, b.processes_max);
  both.file_bytes_max = std::min(a.file_bytes_max, b.file_bytes_max);
  both.output_bytes_max = std::min(a.output_bytes_max, b.output_bytes_max);
  both.time_max = std::min(a.time_max, b.time_max);
  return both;
}

}  // namespace corvid::sandbox
