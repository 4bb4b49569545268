#pragma once

#include <optional>
#include <string>

#include "runtime/paths.h"

namespace corvid::runtime {

// A new session with the conversation of `id` as it was before `turn` (none: all of it), its kept
// output, tokens and model state; both go on independently, in the same workspace, which is left as
// it is. Returns the new one's id. Throws not_found; invalid for a turn that is not there.
std::string fork_session(const Paths& paths, const std::string& id, std::optional<int> turn);

}  // namespace corvid::runtime
