#pragma once
// One file per command; each adds itself to the program's parser. main.cc knows the list.

#include <stop_token>

#include "runtime/cli/arguments.h"

namespace corvid::runtime {

// What commands share: how they end, and the wish to stop (Ctrl-C).
struct CommandContext {
  int exit_code = 0;
  std::stop_token stop;
};

void add_run(Command& app, CommandContext& context);
void add_sessions(Command& app, CommandContext& context);
void add_memory(Command& app, CommandContext& context);
void add_model(Command& app, CommandContext& context);
void add_policy(Command& app, CommandContext& context);
void add_doctor(Command& app, CommandContext& context);

}  // namespace corvid::runtime
