#pragma once

#include <string>

struct git_oid;

namespace corvid::runtime {

// libgit2 works while one of these lives.
class GitLibrary {
 public:
  GitLibrary();
  ~GitLibrary();
  GitLibrary(const GitLibrary&) = delete;
  GitLibrary& operator=(const GitLibrary&) = delete;
};

// Throws not_found or io with libgit2's reason when `result` is an error of it.
void check_git(int result, const std::string& what);

std::string id_text(const git_oid& id);

}  // namespace corvid::runtime
