#pragma once
// One file per command; each adds itself to the program's parser. main.cc knows the list.

#include <functional>
#include <stop_token>
#include <string>

#include "runtime/cli/arguments.h"
#include "runtime/deadline.h"

namespace corvid::runtime {

// A new wish to stop, not yet uttered; `note` is said when it is. Ctrl-C utters `stop`, then
// `stop_steps`; the third one ends the program. SIGTERM and SIGHUP utter both at once.
using RenewStop = std::function<StopWish(std::string note)>;
inline constexpr const char* kStopNote =
    "\nstopping after the current step; once more to stop at once\n";

// What commands share: how they end, and the wish to stop.
struct CommandContext {
  int exit_code = 0;
  std::stop_token stop;  // the first Ctrl-C; the second one ends the program
  RenewStop renew_stop;  // for those that let a step end: instead of `stop`
};

void add_run(Command& app, CommandContext& context);
void add_chat(Command& app, CommandContext& context);
void add_sessions(Command& app, CommandContext& context);
void add_memory(Command& app, CommandContext& context);
void add_model(Command& app, CommandContext& context);
void add_policy(Command& app, CommandContext& context);
void add_trust(Command& app, CommandContext& context);
void add_doctor(Command& app, CommandContext& context);

}  // namespace corvid::runtime
