#pragma once

#include "memory/stores/support/sql.h"

namespace corvid::memory {

inline constexpr int kStoreFormat = 7;

// Makes the tables of an empty file, migrates older formats in one transaction; throws unsupported
// for a newer one and corrupt for a database that is not a memory store.
void prepare_schema(SqlDb& db, const std::string& location);

}  // namespace corvid::memory
