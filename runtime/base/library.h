#pragma once
// Shared libraries that are loaded when they are first needed, because most runs never need them.

#include <initializer_list>
#include <string>

#include <dlfcn.h>

#include "runtime/base/error.h"

namespace corvid {

// The first of `names` that is installed, for the rest of the process. Throws unsupported, naming
// the Debian package.
inline void* load_library(std::initializer_list<const char*> names, const std::string& package) {
  for (const char* name : names) {
    if (void* library = ::dlopen(name, RTLD_LAZY | RTLD_LOCAL)) return library;
  }
  fail(Code::unsupported,
       std::string(*names.begin()) + " is not installed; apt-get install " + package);
}

template <typename Function>
void load_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) fail(Code::unsupported, std::string("an old library: no ") + name);
}

}  // namespace corvid
