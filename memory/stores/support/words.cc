#include "memory/stores/support/words.h"

#include <map>

#include "memory/ingest/annotate.h"
#include "memory/stores/support/rows.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kLexemeBytesMax = 1024;  // PostgreSQL's own limit is 2046

// Words hold letters and digits only, so that nothing in them needs a quote. A very long one is
// known by its hash, which no word looks like.
std::string key_of(const std::string& word) {
  return word.size() <= kLexemeBytesMax ? word : "#" + sha256_hex(word);
}

}  // namespace

void Words::set_tenant(int64_t tenant) { prefix_ = std::to_string(tenant) + "/"; }

std::string Words::lexeme(const std::string& word) const { return prefix_ + key_of(word); }

Words::Entry Words::entry_of(const Turn& turn) const {
  std::map<std::string, int64_t> counts;
  for (const std::string& word : tokens_.of(searched_text(turn))) ++counts[key_of(word)];
  Entry entry{"{", ""};
  Json repeats = Json::object();
  for (const auto& [word, count] : counts) {
    entry.lexemes += (entry.lexemes.size() > 1 ? ",\"" : "\"") + prefix_ + word + '"';
    if (count > 1) repeats[word] = count;
  }
  entry.lexemes += '}';
  if (!repeats.empty()) entry.repeats = dump_json(repeats);
  return entry;
}

void Words::add(SqlDb& db, const Turn& turn) const {
  const Entry entry = entry_of(turn);
  Statement put(db,
                "INSERT INTO word(turn_id, lexemes, repeats)"
                " VALUES(?, array_to_tsvector(?::text[]), ?::jsonb)");
  put.bind(1, turn.id).bind(2, entry.lexemes);
  entry.repeats.empty() ? put.bind_null(3) : put.bind(3, entry.repeats);
  put.run();
}

void Words::erase(SqlDb& db, TurnId turn) const {
  Statement(db, "DELETE FROM word WHERE tenant_id = tenant_id() AND turn_id = ?")
      .bind(1, turn)
      .run();
}

std::vector<TermCount> Words::match(SqlDb& db, std::string_view term) const {
  const std::vector<std::string> words = tokens_.of(to_utf8(term));
  if (words.empty()) return {};
  if (words.size() > 1) return match_phrase(db, words);
  Statement find(db,
                 "SELECT turn_id, coalesce((repeats ->> ?1)::bigint, 1) FROM word"
                 " WHERE lexemes @@ ?2::tsquery AND tenant_id = tenant_id() ORDER BY turn_id");
  find.bind(1, key_of(words[0])).bind(2, "'" + lexeme(words[0]) + "'").in_pages();
  std::vector<TermCount> hits;
  while (find.step()) hits.push_back({find.integer(0), static_cast<int32_t>(find.integer(1))});
  return hits;
}

std::vector<TermCount> Words::match_phrase(SqlDb& db,
                                           const std::vector<std::string>& words) const {
  std::string query;
  for (const std::string& word : words) {
    query += (query.empty() ? "'" : " & '") + lexeme(word) + "'";
  }
  Statement find(db,
                 "SELECT t.id, t.tier, t.text FROM word w JOIN turn t ON t.id = w.turn_id"
                 " WHERE w.lexemes @@ ?1::tsquery AND w.tenant_id = tenant_id() ORDER BY t.id");
  find.bind(1, query).in_pages();
  std::vector<TermCount> hits;
  while (find.step()) {
    Turn turn;
    turn.id = find.integer(0);
    turn.tier = static_cast<Tier>(find.integer(1));
    turn.text = find.text(2);
    const int32_t count = count_phrase(tokens_.of(searched_text(turn)), words);
    if (count > 0) hits.push_back({turn.id, count});
  }
  return hits;
}

void Words::make_anew(SqlDb& db) const {
  db.execute("DELETE FROM word WHERE tenant_id = tenant_id()");
  Statement all(db, std::string("SELECT ") + kTurnColumns + "ORDER BY t.id");
  all.in_pages();
  while (all.step()) add(db, read_turn(all));
}

void Words::check(SqlDb& db, std::vector<std::string>& problems) const {
  int64_t wrong = 0;
  int64_t known = 0;
  {
    Statement all(db, std::string("SELECT ") + kTurnColumns + "ORDER BY t.id");
    all.in_pages();
    while (all.step()) {
      const Turn turn = read_turn(all);
      const Entry entry = entry_of(turn);
      Statement same(db,
                     "SELECT lexemes = array_to_tsvector(?2::text[]) AND"
                     " coalesce(repeats, '{}') = ?3::jsonb FROM word"
                     " WHERE tenant_id = tenant_id() AND turn_id = ?1");
      same.bind(1, turn.id).bind(2, entry.lexemes);
      same.bind(3, std::string_view(entry.repeats.empty() ? "{}" : entry.repeats));
      const bool is_there = same.step();
      known += is_there;
      wrong += !is_there || same.integer(0) == 0;
    }
  }
  const int64_t surplus =
      db.number("SELECT count(*) FROM word WHERE tenant_id = tenant_id()") - known;
  if (wrong > 0) {
    problems.push_back("index: the words of " + std::to_string(wrong) + " turns differ");
  }
  if (surplus > 0) problems.push_back("index: " + std::to_string(surplus) + " turns too many");
}

}  // namespace corvid::memory
