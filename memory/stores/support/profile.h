#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/stores/support/sql.h"
#include "memory/types.h"

namespace corvid::memory {

// What a model makes of cells; see Store. Inside the caller's lock and, for what writes,
// transaction.
ItemId put_item(SqlDb& db, const ProfileItem& item);
std::optional<ProfileItem> find_item(SqlDb& db, ItemId id);
std::vector<ProfileItem> find_items(SqlDb& db, std::span<const ScopeId> scopes);
void erase_items(SqlDb& db, CellId cell, bool decided);

void put_scene_note(SqlDb& db, std::span<const CellId> cells, std::string_view summary, Time at);
std::map<std::vector<CellId>, std::string> scene_notes(SqlDb& db);
void erase_scene_notes(SqlDb& db, CellId cell);

// Items without a source, and what tells of cells that are gone.
void check_told(SqlDb& db, std::vector<std::string>& problems);

}  // namespace corvid::memory
