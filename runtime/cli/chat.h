#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "runtime/cli/command.h"

namespace corvid::runtime {

// A new wish to stop, not yet uttered; `note` is said when it is. The second Ctrl-C after this ends
// the program.
using RenewStop = std::function<std::stop_token(std::string note)>;

void add_chat(Command& app, RenewStop renew_stop);

}  // namespace corvid::runtime
