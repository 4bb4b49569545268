#include "memory/stores/support/profile.h"

#include "memory/stores/support/rows.h"

namespace corvid::memory {
namespace {

constexpr const char* kItemColumns =
    "id, scope_id, cell_id, kind, subject, key, text, status, at, deriver";

std::vector<ProfileItem> read_items(SqlDb& db, Statement& find) {
  std::vector<ProfileItem> items;
  while (find.step()) {
    ProfileItem& item = items.emplace_back();
    item.id = find.integer(0);
    item.scope = find.integer(1);
    item.cell = find.integer(2);
    item.kind = static_cast<ProfileItem::Kind>(find.integer(3));
    item.subject = find.text(4);
    item.key = find.text(5);
    item.text = find.text(6);
    item.status = static_cast<ProfileItem::Status>(find.integer(7));
    item.at = Time(std::chrono::milliseconds(find.integer(8)));
    item.deriver = find.text(9);
  }
  for (ProfileItem& item : items) {
    Statement sources(db,
                      "SELECT turn_id FROM source WHERE derived_kind = 'profile' AND"
                      " derived_id = ? ORDER BY turn_id");
    item.turns = sources.bind(1, item.id).ids();
  }
  return items;
}

void erase_sources(SqlDb& db, ItemId id) {
  Statement(db, "DELETE FROM source WHERE derived_kind = 'profile' AND derived_id = ?")
      .bind(1, id)
      .run();
}

std::string key_of(std::span<const CellId> cells) { return "," + id_list(cells) + ","; }

}  // namespace

ItemId put_item(SqlDb& db, const ProfileItem& item) {
  ItemId id = 0;
  {
    Statement put(db, db.replace("profile_item", kItemColumns) + " RETURNING id");
    item.id == 0 ? put.bind_null(1) : put.bind(1, item.id);
    put.bind(2, item.scope).bind(3, item.cell).bind(4, static_cast<int64_t>(item.kind));
    put.bind(5, item.subject).bind(6, item.key).bind(7, item.text);
    put.bind(8, static_cast<int64_t>(item.status)).bind(9, to_ms(item.at));
    put.bind(10, item.deriver).step();
    id = put.integer(0);
  }
  erase_sources(db, id);
  for (const TurnId turn : item.turns) {
    Statement add(db,
                  "INSERT INTO source(derived_kind, derived_id, turn_id) VALUES('profile', ?, ?)"
                  " ON CONFLICT DO NOTHING");
    add.bind(1, id).bind(2, turn).run();
  }
  return id;
}

std::optional<ProfileItem> find_item(SqlDb& db, ItemId id) {
  Statement find(db, std::string("SELECT ") + kItemColumns + " FROM profile_item WHERE id = ?");
  find.bind(1, id);
  std::vector<ProfileItem> items = read_items(db, find);
  if (items.empty()) return std::nullopt;
  return std::move(items.front());
}

std::vector<ProfileItem> find_items(SqlDb& db, std::span<const ScopeId> scopes) {
  Statement find(db, std::string("SELECT ") + kItemColumns + " FROM profile_item WHERE " +
                         db.among("scope_id", 1) + " ORDER BY id");
  find.bind_ids(1, scopes);
  return read_items(db, find);
}

void erase_items(SqlDb& db, CellId cell, bool decided) {
  Statement find(db, "SELECT id FROM profile_item WHERE cell_id = ?1 AND (?2 <> 0 OR status = 0)");
  for (const ItemId id : find.bind(1, cell).bind(2, int64_t{decided}).ids()) {
    erase_sources(db, id);
    Statement(db, "DELETE FROM profile_item WHERE id = ?").bind(1, id).run();
  }
}

void put_scene_note(SqlDb& db, std::span<const CellId> cells, std::string_view summary, Time at) {
  Statement(db, "DELETE FROM scene_note WHERE cells = ?").bind(1, key_of(cells)).run();
  Statement put(db, "INSERT INTO scene_note(cells, summary, at) VALUES(?, ?, ?)");
  put.bind(1, key_of(cells)).bind(2, summary).bind(3, to_ms(at)).run();
}

std::map<std::vector<CellId>, std::string> scene_notes(SqlDb& db) {
  std::map<std::vector<CellId>, std::string> notes;
  Statement all(db, "SELECT cells, summary FROM scene_note ORDER BY id");
  while (all.step()) {
    std::string cells(all.text(0));
    notes[read_id_list(std::string_view(cells).substr(1, cells.size() - 2))] = all.text(1);
  }
  return notes;
}

void erase_scene_notes(SqlDb& db, CellId cell) {
  Statement erase(db, "DELETE FROM scene_note WHERE cells LIKE ?");
  erase.bind(1, "%," + std::to_string(cell) + ",%").run();
}

void check_told(SqlDb& db, std::vector<std::string>& problems) {
  Statement items(db,
                  "SELECT id FROM profile_item WHERE cell_id NOT IN (SELECT id FROM segment) OR"
                  " id NOT IN (SELECT derived_id FROM source WHERE derived_kind = 'profile')");
  while (items.step()) {
    problems.push_back("provenance: " + item_name(items.integer(0)) + " has no source");
  }
  for (const auto& [cells, summary] : scene_notes(db)) {
    for (const CellId cell : cells) {
      Statement find(db, "SELECT 1 FROM segment WHERE id = ?");
      if (!find.bind(1, cell).step()) {
        problems.push_back("provenance: a scene tells of " + cell_name(cell) + ", which is gone");
      }
    }
  }
}

}  // namespace corvid::memory
