#pragma once
// libgit2, for the files that call it: git().odb_read is git_odb_read.

#include <git2.h>

namespace corvid::runtime {

struct GitFunctions {
#define GIT_FUNCTION(name) decltype(&::git_##name) name;
#include "runtime/git_functions.inc"
#undef GIT_FUNCTION
};

// Loaded by the first call, for the rest of the process: commands that take no snapshot never need
// it, and it brings a dozen libraries along. Throws unsupported where it is not installed.
const GitFunctions& git();

}  // namespace corvid::runtime
