#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "memory/stores/support/sql.h"
#include "memory/types.h"

namespace corvid::memory {

struct VectorQuery {
  std::span<const ScopeId> scopes;
  std::string_view embedder;
  TurnId after = 0;
};

// See Store. Inside the caller's lock and, for put_vector, transaction.
void put_vector(SqlDb& db, TurnId turn, std::string_view embedder,
                std::span<const int8_t> vector);
void for_each_vector(SqlDb& db, const VectorQuery& query,
                     const std::function<void(TurnId, std::span<const int8_t>)>& visit);
std::vector<TurnId> without_vector(SqlDb& db, std::string_view embedder, int limit);

}  // namespace corvid::memory
