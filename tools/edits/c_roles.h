#pragma once
// Which names of C and C++ code are types or declared where they stand, told from the forms of
// declarations alone.

#include <vector>

#include "tools/edits/source.h"

namespace corvid::tools::edits {

// The angle brackets of templates have the role `type`, too.
std::vector<Role> find_c_roles(const Source& source);

}  // namespace corvid::tools::edits
