#pragma once

#include <filesystem>
#include <functional>
#include <string>

struct git_oid;

namespace corvid::runtime {

// Throws not_found or io with libgit2's reason when `result` is an error of it.
void check_git(int result, const std::string& what);

// Does what locks `file` of a repository of ours, once more without the lock that a killed process
// left. Whoever does it holds the workspace's or session's lock, so no live process has this one.
int despite_stale_lock(const std::filesystem::path& file, const std::function<int()>& change);

std::string id_text(const git_oid& id);

}  // namespace corvid::runtime
