#pragma once
// The commands that build files hold.

#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

struct Recipes {
  std::vector<std::string> commands;  // shell texts, one per line of a recipe
  std::vector<std::string> includes;  // other build files, relative to this one's folder
  std::vector<std::string> goals;     // all that is made on the way; for the includes
};

// Of the build file `name` (no folder): package.json (scripts), CMakeLists.txt (COMMAND), justfile
// and tox.ini (every indented line); all others are read as makefiles, with their variables set in.
// The folder of the build file itself appears as ".". `goals` are what is to be made or run, none
// for a file's own first one; makefiles and package.json give no recipes for other things.
Recipes read_recipes(std::string_view name, std::string_view text,
                     const std::vector<std::string>& goals);

}  // namespace corvid::tools
