#pragma once

#include "policies/action.h"
#include "sandbox/profile.h"

namespace corvid::policies {

// Whether a command with this profile prints text from the web, as far as its words tell: it has a
// network, and one of its programs is there to fetch ("curl", "wget"). Programs that only use what
// they fetch (package managers) do not count.
bool prints_web_text(const Action& action, const sandbox::Profile& profile);

}  // namespace corvid::policies
