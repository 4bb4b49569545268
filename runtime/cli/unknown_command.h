#pragma once
// What to say to a command that does not exist.

#include <string>
#include <vector>

namespace corvid::runtime {

// Of a word that is none of `names`, the commands beneath `path` (empty: the program):
// "unknown command 'serch' of memory; did you mean search?".
std::string unknown_command(const std::string& word, const std::string& path,
                            const std::vector<std::string>& names);

}  // namespace corvid::runtime
