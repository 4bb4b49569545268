#pragma once
// What a Python file and its functions offer to their candidates.

#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

void read_python_file(const Source& source, FileFacts& out);
void read_python_unit(const Source& source, const Unit& unit, const FileFacts& file,
                      UnitFacts& out);

}  // namespace corvid::tools::edits
