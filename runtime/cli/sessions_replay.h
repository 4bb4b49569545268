#pragma once

#include "runtime/cli/command.h"

namespace corvid::runtime {

void add_sessions_replay(Command& sessions, CommandContext& context);

}  // namespace corvid::runtime
