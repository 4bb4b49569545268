#include "memory/stores/support/dump.h"

#include <algorithm>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::memory {
namespace {

struct Table {
  std::string_view name;
  const char* all;  // its rows, in the order of their keys
};

// Parents come before those that point to them. sqlite_sequence keeps the ids of forgotten turns
// from being given again.
constexpr Table kTables[] = {
    {"meta", "SELECT key, value FROM meta WHERE key = 'mac_key'"},
    {"scope", "SELECT * FROM scope ORDER BY id"},
    {"session", "SELECT * FROM session ORDER BY id"},
    {"turn", "SELECT * FROM turn ORDER BY id"},
    {"segment", "SELECT * FROM segment ORDER BY id"},
    {"source", "SELECT * FROM source ORDER BY derived_kind, derived_id, turn_id"},
    {"fact", "SELECT * FROM fact ORDER BY id"},
    {"foresight", "SELECT * FROM foresight ORDER BY id"},
    {"profile_item", "SELECT * FROM profile_item ORDER BY id"},
    {"scene_note", "SELECT * FROM scene_note ORDER BY id"},
    {"amendment", "SELECT * FROM amendment ORDER BY turn_id"},
    {"pause", "SELECT * FROM pause ORDER BY scope_id"},
    {"event", "SELECT * FROM event ORDER BY id"},
    {"tombstone", "SELECT * FROM tombstone ORDER BY scope_id, content_mac"},
    {"sqlite_sequence", "SELECT name, seq FROM sqlite_sequence ORDER BY name"}};

// A server's store fills these by itself: they are no part of a row.
bool is_own(std::string_view column) { return column == "tenant_id" || column == "key_hash"; }

bool is_column(SqlDb& db, const std::string& table, std::string_view column) {
  Statement none(db, "SELECT * FROM " + table + " LIMIT 0");
  none.step();
  for (int i = 0; i < none.column_count(); ++i) {
    if (none.column_name(i) == column) return !is_own(column);
  }
  return false;
}

void bind(Statement& put, int index, const Json& value, const std::string& column) {
  if (value.is_null()) {
    put.bind_null(index);
  } else if (value.is_number_integer()) {
    put.bind(index, value.get<int64_t>());
  } else if (value.is_string()) {
    put.bind(index, std::string_view(value.get_ref<const std::string&>()));
  } else {
    fail(Code::invalid, "the value of '" + column + "' is neither text nor a whole number");
  }
}

}  // namespace

void for_each_row(SqlDb& db, const std::function<void(const Json&)>& visit) {
  for (const Table& table : kTables) {
    Statement all(db, table.all);
    all.in_pages();
    while (all.step()) {
      Json row = Json::object();
      for (int i = 0; i < all.column_count(); ++i) {
        if (is_own(all.column_name(i))) continue;
        Json& value = row[std::string(all.column_name(i))];
        if (all.is_integer(i)) {
          value = all.integer(i);
        } else if (!all.is_null(i)) {
          value = std::string(all.text(i));
        }
      }
      visit({{"table", std::string(table.name)}, {"row", std::move(row)}});
    }
  }
}

void put_row(SqlDb& db, const Json& line) {
  if (!line.is_object() || !line.contains("row") || !line["row"].is_object()) {
    fail(Code::invalid, "no row of a memory");
  }
  const std::string name = json_string(line, "table");
  const Json& row = line["row"];
  if (std::ranges::find(kTables, name, &Table::name) == std::end(kTables) || row.empty()) {
    fail(Code::invalid, "no table '" + name + "' in a memory");
  }
  if (name == "sqlite_sequence") {
    Statement(db, "DELETE FROM sqlite_sequence WHERE name = ?")
        .bind(1, json_string(row, "name"))
        .run();
  }
  if (name == "meta" && json_string(row, "key") != "mac_key") {
    fail(Code::invalid, "no row of a memory");
  }
  std::string columns;
  for (const auto& [column, value] : row.items()) {
    if (!is_column(db, name, column)) {
      fail(Code::invalid, "no column '" + column + "' in '" + name + "'");
    }
    columns += (columns.empty() ? "" : ", ") + column;
  }
  Statement put(db, db.replace(name, columns));
  int index = 0;
  for (const auto& [column, value] : row.items()) bind(put, ++index, value, column);
  put.run();
}

}  // namespace corvid::memory
