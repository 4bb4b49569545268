#pragma once

#include <string>
#include <vector>

#include "memory/stores/support/sql.h"

namespace corvid::memory {

// All but check_rows are for SQLite only.

// Empties the full-text index and fills it from the turns, inside the caller's transaction.
void make_index_anew(SqlDb& db);

// Each adds what it finds wrong to `problems`. check_index indexes all turns a second time and
// compares word for word; check_rows looks at provenance and at the chain of events.
void check_pages(SqlDb& db, std::vector<std::string>& problems);
void check_rows(SqlDb& db, std::vector<std::string>& problems);
void check_index(SqlDb& db, std::vector<std::string>& problems);

}  // namespace corvid::memory
