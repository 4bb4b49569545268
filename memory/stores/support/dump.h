#pragma once

#include <functional>

#include "memory/stores/support/sqlite_db.h"
#include "runtime/base/json_fwd.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for put_row, transaction.
void for_each_row(SqliteDb& db, const std::function<void(const Json&)>& visit);
void put_row(SqliteDb& db, const Json& line);

}  // namespace corvid::memory
