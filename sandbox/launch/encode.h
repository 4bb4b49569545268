#pragma once

#include <string>

#include "sandbox/jail/plan.h"

namespace corvid::sandbox {

// The text that jail::decode() reads. Throws invalid for a text with a zero byte or one that is too
// long.
std::string encode(const jail::Plan& plan);

}  // namespace corvid::sandbox
