#pragma once

#include "runtime/cli/command.h"

namespace corvid::runtime {

void add_trust(CLI::App& app);

}  // namespace corvid::runtime
