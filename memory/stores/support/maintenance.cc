#include "memory/stores/support/maintenance.h"

#include "memory/ingest/annotate.h"
#include "memory/stores/support/profile.h"
#include "memory/stores/support/rows.h"

namespace corvid::memory {

void make_index_anew(SqlDb& db) {
  db.execute("INSERT INTO fts_turn(fts_turn) VALUES('delete-all')");
  static const std::string kSql = std::string("SELECT ") + kTurnColumns + "ORDER BY t.id";
  Statement all(db, kSql);
  while (all.step()) {
    const Turn turn = read_turn(all);
    Statement index(db, "INSERT INTO fts_turn(rowid, own) VALUES(?, ?)");
    index.bind(1, turn.id).bind(2, searched_text(turn)).run();
  }
}

void check_pages(SqlDb& db, std::vector<std::string>& problems) {
  Statement pages(db, "PRAGMA integrity_check(20)");
  while (pages.step()) {
    if (pages.text(0) != "ok") problems.push_back("pages: " + std::string(pages.text(0)));
  }
  Statement keys(db, "PRAGMA foreign_key_check");
  while (keys.step()) problems.push_back("keys: a row of " + std::string(keys.text(0)));
}

void check_rows(SqlDb& db, std::vector<std::string>& problems) {
  Statement orphans(db,
                    "SELECT id FROM segment WHERE id NOT IN (SELECT derived_id FROM source WHERE"
                    " derived_kind = 'cell')");
  while (orphans.step()) {
    problems.push_back("provenance: " + cell_name(orphans.integer(0)) + " has no source");
  }
  check_told(db, problems);
  Statement chain(db,
                  "SELECT id, at, actor, op, kind, first_id, last_id, reason, prev_hash, hash"
                  " FROM event ORDER BY id");
  std::string prev;
  while (chain.step()) {
    const Event event = read_event(chain);
    if (chain.text(8) != prev || chain.text(9) != event_hash(prev, event)) {
      problems.push_back("events: the chain breaks at " + std::to_string(event.id));
    }
    prev = chain.text(9);
  }
}

void check_index(SqlDb& db, std::vector<std::string>& problems) {
  db.execute(
      "DROP TABLE IF EXISTS temp.fts_check;"
      "CREATE VIRTUAL TABLE temp.fts_check USING fts5(own, content='', columnsize=0,"
      " tokenize='porter unicode61');"
      "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_live USING"
      " fts5vocab('main', 'fts_turn', 'row');"
      "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words_check USING"
      " fts5vocab('temp', 'fts_check', 'row');");
  {
    static const std::string kSql = std::string("SELECT ") + kTurnColumns + "ORDER BY t.id";
    Statement all(db, kSql);
    while (all.step()) {
      const Turn turn = read_turn(all);
      Statement index(db, "INSERT INTO temp.fts_check(rowid, own) VALUES(?, ?)");
      index.bind(1, turn.id).bind(2, searched_text(turn)).run();
    }
  }
  const int64_t missing = db.number(
      "SELECT count(*) FROM (SELECT term, doc, cnt FROM words_check EXCEPT"
      " SELECT term, doc, cnt FROM words_live)");
  const int64_t surplus = db.number(
      "SELECT count(*) FROM (SELECT term, doc, cnt FROM words_live WHERE doc > 0 EXCEPT"
      " SELECT term, doc, cnt FROM words_check)");
  if (missing > 0) problems.push_back("index: " + std::to_string(missing) + " words differ");
  if (surplus > 0) problems.push_back("index: " + std::to_string(surplus) + " words too many");
}

}  // namespace corvid::memory
