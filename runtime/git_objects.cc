#include "runtime/git_objects.h"

#include <git2.h>

#include "runtime/base/error.h"

// libgit2 reads all certificates of the system when it starts, a fifth of a run's start and a
// megabyte, for servers that are never asked here. The linker takes this for mbed TLS's function of
// the name; where libgit2 was built with another library, nobody calls it.
extern "C" int mbedtls_x509_crt_parse_file(void*, const char*);
extern "C" int mbedtls_x509_crt_parse_file(void*, const char*) { return 0; }

namespace corvid::runtime {

GitLibrary::GitLibrary() { git_libgit2_init(); }
GitLibrary::~GitLibrary() { git_libgit2_shutdown(); }

void check_git(int result, const std::string& what) {
  if (result >= 0) return;
  const git_error* error = git_error_last();
  fail(result == GIT_ENOTFOUND ? Code::not_found : Code::io,
       what + ": " + (error != nullptr ? error->message : "libgit2 error"));
}

int despite_stale_lock(const std::filesystem::path& file, const std::function<int()>& change) {
  const int result = change();
  if (result != GIT_ELOCKED) return result;
  std::error_code ignored;
  std::filesystem::remove(file.string() + ".lock", ignored);
  return change();
}

std::string id_text(const git_oid& id) {
  char text[GIT_OID_HEXSZ + 1];
  git_oid_tostr(text, sizeof text, &id);
  return text;
}

}  // namespace corvid::runtime
