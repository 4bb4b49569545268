#pragma once

#include <string>

struct git_oid;

namespace corvid::runtime {

// Throws not_found or io with libgit2's reason when `result` is an error of it.
void check_git(int result, const std::string& what);

std::string id_text(const git_oid& id);

}  // namespace corvid::runtime
