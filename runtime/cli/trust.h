#pragma once

#include "runtime/cli/command.h"

namespace corvid::runtime {

void add_trust(Command& app);

}  // namespace corvid::runtime
