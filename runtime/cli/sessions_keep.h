#pragma once

#include "runtime/cli/command.h"

namespace corvid::runtime {

void add_sessions_keep(Command& sessions, CommandContext& context);  // export, fork, prune

}  // namespace corvid::runtime
