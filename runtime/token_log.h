#pragma once

#include <span>
#include <vector>

#include "runtime/event.h"
#include "runtime/provider.h"

namespace corvid::runtime {

// What of a session's token log its recorded turns account for, without those of attempts: the
// conversation that a resumed run goes on with, as one piece. The tokens of a turn that was cut off
// are not in it; they are read or written anew, and counted then.
std::vector<EvaluatedTokens> counted_tokens(std::span<const EvaluatedTokens> log,
                                            std::span<const Event> events);

}  // namespace corvid::runtime
