#pragma once
// One file per command; each adds itself to the program's parser. main.cc knows the list.

#include <functional>
#include <stop_token>
#include <string>

namespace CLI {
class App;
}

namespace corvid::runtime {

// What commands share: how they end, and the wish to stop (Ctrl-C).
struct CommandContext {
  int exit_code = 0;
  std::stop_token stop;
};

void add_run(CLI::App& app, CommandContext& context);
void add_sessions(CLI::App& app, CommandContext& context);
void add_memory(CLI::App& app, CommandContext& context);
void add_model(CLI::App& app, CommandContext& context);
void add_policy(CLI::App& app, CommandContext& context);
void add_doctor(CLI::App& app, CommandContext& context);

}  // namespace corvid::runtime
