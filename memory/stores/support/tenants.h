#pragma once

#include <filesystem>
#include <string>

#include "memory/stores/support/sql.h"

namespace corvid::memory {

inline constexpr const char* kStoreFile = "memory.db";

// Where the file of a tenant lies; "" is no tenant: the store's folder itself.
std::filesystem::path tenant_folder(const std::filesystem::path& store, const std::string& tenant);

// Makes it, for its owner alone; what is there stays as it is.
void make_store_folder(const std::filesystem::path& folder);

// Up to format 4 the file in the store's folder held all tenants. Moves each to a file of its own,
// with the ids, derived rows and vectors of its turns and what is left of their history.
void part_tenants(SqlDb& shared, const std::filesystem::path& store);

}  // namespace corvid::memory
