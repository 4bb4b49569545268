#pragma once
// What to say to a command that does not exist.

#include <string>

namespace CLI {
class App;
}

namespace corvid::runtime {

// Of an app that was parsed and failed for want of a subcommand: "unknown command 'serch' of
// memory; did you mean search?". Empty when no word stands where a subcommand belongs.
std::string unknown_command(const CLI::App& app);

}  // namespace corvid::runtime
