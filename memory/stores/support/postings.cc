#include "memory/stores/support/postings.h"

namespace corvid::memory {

std::vector<TermCount> find_term(SqlDb& db, std::string_view term, TurnId after) {
  std::string query = "\"";
  for (const char c : term) query += c == '"' || c == '\0' ? ' ' : c;
  query += '"';
  Statement find(db,
                 "SELECT rowid, corvid_count(fts_turn) FROM fts_turn WHERE fts_turn MATCH ?"
                 " AND rowid > ?");
  find.bind(1, query).bind(2, after);
  std::vector<TermCount> hits;
  while (find.step()) hits.push_back({find.integer(0), static_cast<int32_t>(find.integer(1))});
  return hits;
}

void for_each_posting(SqlDb& db,
                      const std::function<void(std::string_view, TermCount)>& visit) {
  db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.places_live USING"
             " fts5vocab('main', 'fts_turn', 'instance')");
  Statement places(db, "SELECT term, doc FROM places_live");  // by term, then by doc
  std::string form;
  TermCount hit;
  while (places.step()) {
    const TurnId turn = places.integer(1);
    if (turn == hit.turn && places.text(0) == form) {
      ++hit.count;
      continue;
    }
    if (hit.turn != 0) visit(form, hit);
    form = places.text(0);
    hit = {turn, 1};
  }
  if (hit.turn != 0) visit(form, hit);
}

void remove_caches(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(kCachePrefix)) std::filesystem::remove(entry.path(), error);
  }
}

}  // namespace corvid::memory
