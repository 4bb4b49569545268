#include "runtime/git_objects.h"

#include <git2.h>

#include "runtime/base/error.h"

namespace corvid::runtime {

void check_git(int result, const std::string& what) {
  if (result >= 0) return;
  const git_error* error = git_error_last();
  fail(result == GIT_ENOTFOUND ? Code::not_found : Code::io,
       what + ": " + (error != nullptr ? error->message : "libgit2 error"));
}

std::string id_text(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  git_oid_tostr(text, sizeof text, &id);
  return text;
}

}  // namespace corvid::runtime
