#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/stores/support/sqlite_db.h"
#include "memory/types.h"

namespace corvid::memory {

struct VectorQuery {
  std::string scopes;  // "1,2,3"
  std::string_view embedder;
  TurnId after = 0;
};

// See Store. Inside the caller's lock and, for put_vector, transaction.
void put_vector(SqliteDb& db, TurnId turn, std::string_view embedder,
                std::span<const int8_t> vector);
void for_each_vector(SqliteDb& db, const VectorQuery& query,
                     const std::function<void(TurnId, std::span<const int8_t>)>& visit);
std::vector<TurnId> without_vector(SqliteDb& db, std::string_view embedder, int limit);

}  // namespace corvid::memory
