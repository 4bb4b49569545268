#pragma once

#include "engine/sample/grammar.h"

namespace corvid::engine {

// Adds the nodes of a tool's arguments to `grammar` and returns the topmost; -1: they cannot be
// given. Throws invalid, naming tool and keyword, for what cannot be decided from left to right.
int32_t compile_schema(Grammar& grammar, const ToolShape& shape, const CallForm& form);

// The same for a value of any type that is no tool's; `shape` has no name.
int32_t compile_value(Grammar& grammar, const ToolShape& shape, const CallForm& form);

}  // namespace corvid::engine
