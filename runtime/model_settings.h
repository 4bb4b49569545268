#pragma once

#include "runtime/paths.h"
#include "runtime/run_options.h"

namespace corvid::runtime {

// The options with what [model] of the user's config.toml says where they say nothing:
// reasoning_budget. Throws invalid, naming the line, for what it cannot say.
RunOptions with_model_settings(RunOptions options, const Paths& paths);

}  // namespace corvid::runtime
