#pragma once
// What a C or C++ file and its functions offer to their candidates.

#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

void read_c_file(const Source& source, FileFacts& out);
void read_c_unit(const Source& source, const Unit& unit, const FileFacts& file, UnitFacts& out);

// The condition behind `if`, `while` or `switch` at token `head`, or in the middle of a `for`: the
// tokens [first, last); empty where there is none.
std::pair<int, int> c_condition(const Source& source, int head);

// Whether a block follows a statement.
bool opens_c_block(const Source& source, const Statement& s);

}  // namespace corvid::tools::edits
