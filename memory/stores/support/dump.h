#pragma once

#include <functional>

#include "memory/stores/support/sql.h"
#include "runtime/base/json_fwd.h"

namespace corvid::memory {

// See Store. Inside the caller's lock and, for put_row, transaction.
void for_each_row(SqlDb& db, const std::function<void(const Json&)>& visit);
void put_row(SqlDb& db, const Json& line);

}  // namespace corvid::memory
