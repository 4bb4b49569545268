#pragma once

#include <string>
#include <vector>

#include "memory/stores/support/sqlite_db.h"

namespace corvid::memory {

// Empties the full-text index and fills it from the turns, inside the caller's transaction.
void make_index_anew(SqliteDb& db);

// Each adds what it finds wrong to `problems`. check_index indexes all turns a second time and
// compares word for word; check_rows looks at provenance and at the chain of events.
void check_pages(SqliteDb& db, std::vector<std::string>& problems);
void check_rows(SqliteDb& db, std::vector<std::string>& problems);
void check_index(SqliteDb& db, std::vector<std::string>& problems);

}  // namespace corvid::memory
