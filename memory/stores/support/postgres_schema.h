#pragma once

#include <string>

#include "memory/stores/support/sql.h"

namespace corvid::memory {

inline constexpr int kPostgresLayout = 4;

// Makes the schema `corvid` of a database that has none, migrates older layouts in one transaction;
// throws unsupported for a newer one, corrupt for a schema that is no memory store, and denied for
// a role that row security does not bind. Then the connection sees the tenant's rows only, also
// after it was lost; a new tenant is entered. Gives the tenant's number.
int64_t open_as_tenant(SqlDb& db, const std::string& tenant);

// Writes every table that holds content, or words of it, anew without what was erased. False: some
// transaction elsewhere may still see it; it is noted that this has to be done again.
bool rewrite_tables(SqlDb& db);

}  // namespace corvid::memory
