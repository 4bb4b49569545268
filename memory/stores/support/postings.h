#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/stores/support/sql.h"

namespace corvid::memory {

// See Store::match_after and Store::for_each_posting.
std::vector<TermCount> find_term(SqlDb& db, std::string_view term, TurnId after);
void for_each_posting(SqlDb& db,
                      const std::function<void(std::string_view form, TermCount hit)>& visit);

// Removes the files of Store::cache_folder(), unfinished ones too.
void remove_caches(const std::filesystem::path& folder);

}  // namespace corvid::memory
