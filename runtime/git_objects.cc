#include "runtime/git_objects.h"

#include "runtime/base/error.h"
#include "runtime/base/library.h"
#include "runtime/git_functions.h"

// libgit2 reads all certificates of the system when it starts, a fifth of a run's start and a
// megabyte, for servers that are never asked here. It finds this for mbed TLS's function of the
// name, since the program exports it; where it was built with another library, nobody calls it.
extern "C" int mbedtls_x509_crt_parse_file(void*, const char*);
extern "C" int mbedtls_x509_crt_parse_file(void*, const char*) { return 0; }

namespace corvid::runtime {

const GitFunctions& git() {
  static const GitFunctions loaded = [] {
    void* library = load_library({"libgit2.so." LIBGIT2_SOVERSION},
                                 "libgit2-" LIBGIT2_SOVERSION);
    GitFunctions functions{};
#define GIT_FUNCTION(name) load_symbol(library, "git_" #name, functions.name);
#include "runtime/git_functions.inc"
#undef GIT_FUNCTION
    functions.libgit2_init();
    return functions;
  }();
  return loaded;
}

void check_git(int result, const std::string& what) {
  if (result >= 0) return;
  const git_error* error = git().error_last();
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
  git().oid_tostr(text, sizeof text, &id);
  return text;
}

}  // namespace corvid::runtime
