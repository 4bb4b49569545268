#include <algorithm>
#include <map>
#include <set>

#include "memory/consolidate/consolidate.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/redact.h"
#include "memory/ingest/settle.h"
#include "memory/manage/edit.h"
#include "memory/manage/export.h"
#include "memory/manage/import_turns.h"
#include "memory/manage/promote.h"
#include "memory/manage/tombstone.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// The rows of a whole, undamaged export.
struct Export {
  int64_t format = 0;
  std::vector<Json> rows{};
};

// Gives the format.
int64_t check_head(const Json& head) {
  if (!head.is_object() || json_string_or(head, "type", "") != "corvid-memory") {
    fail(Code::invalid, "not an export of a memory");
  }
  const int64_t format = json_int_or(head, "format", 0);
  if (format > kStoreFormat) {
    fail(Code::unsupported, "an export of format " + std::to_string(format) +
                                "; this program knows up to " + std::to_string(kStoreFormat));
  }
  return format;
}

Export read_export(const std::filesystem::path& file) {
  const std::string content = read_file(file, kImportBytesMax);
  Export read;
  std::vector<Json>& rows = read.rows;
  std::string hash;
  bool is_whole = false;
  int64_t number = 0;
  for (const std::string_view line : split_lines(content)) {
    ++number;
    if (line.empty()) continue;
    const std::string where = file.string() + " line " + std::to_string(number);
    if (is_whole) fail(Code::invalid, where + ": something follows the end of the export");
    Json json = parse_json(line, where);
    if (number == 1) {
      read.format = check_head(json);
    } else if (json.is_object() && json_string_or(json, "type", "") == "end") {
      is_whole = json_int_or(json, "rows", -1) == static_cast<int64_t>(rows.size()) &&
                 json_string_or(json, "sha256", "") == hash;
      if (!is_whole) fail(Code::invalid, where + ": the export was changed or damaged");
    } else {
      rows.push_back(std::move(json));
    }
    hash = sha256_hex(hash + std::string(line));
  }
  if (!is_whole) fail(Code::invalid, file.string() + ": the export ends too early");
  return read;
}

// Secrets that a newer program knows do not come in either. True: the text was changed.
bool clean(Json& line) {
  if (json_string(line, "table") != "turn") return false;
  Json& row = line.at("row");
  const Redacted redacted = redact(json_string(row, "text"));
  if (redacted.count == 0) return false;
  row["text"] = redacted.text;
  row["sha256"] = sha256_hex(redacted.text);
  row["redactions"] = json_int_or(row, "redactions", 0) + redacted.count;
  return true;
}

// What was derived, and told by a model, of texts that were changed on the way.
void derive_anew(Store& store, std::span<const TurnId> changed) {
  std::set<CellId> cells;
  for (const TurnId turn : changed) {
    for (const CellId cell : store.cells_of_turn(turn)) cells.insert(cell);
  }
  for (const CellId id : cells) {
    if (const auto cell = store.cell(id)) drop_told(store, *cell, true);
    derive_again(store, id);
  }
}

void restore(Store& store, Export& given, ImportReport& report) {
  store.write([&] {
    std::vector<TurnId> changed;
    for (Json& row : given.rows) {
      if (clean(row)) changed.push_back(json_int_or(row.at("row"), "id", 0));
      report.stored += json_string(row, "table") == "turn";
      store.put_row(row);
    }
    store.make_index_anew();
    derive_anew(store, changed);
    // An older program may have read other facts from the same turns.
    if (!changed.empty() || given.format < kStoreFormat) rebuild_facts(store);
    report.redactions = std::ssize(changed);
    store.raise_generation();
  });
}

// Adds what an export says to a store that has its own: turns, their versions, and where they are
// seen. Inside one transaction.
class Merger {
 public:
  Merger(Store& store, const Ports& ports, ImportReport& report)
      : store_(store), ports_(ports), report_(report) {}

  void take(const Json& line) {
    const std::string table = json_string(line, "table");
    const Json& row = line.at("row");
    const int64_t id = json_int_or(row, "id", 0);
    if (table == "scope") {
      scopes_[id] = {json_string(row, "tenant"), json_string(row, "user"),
                     json_string(row, "project"), json_string(row, "session_parent")};
    } else if (table == "session") {
      sessions_[id] = {json_string(row, "name"), json_int_or(row, "kind", 0),
                       json_int_or(row, "scope_id", 0)};
    } else if (table == "turn") {
      read(row);
    } else if (table == "amendment") {
      const int64_t by = json_int_or(row, "by_turn", 0);
      const Time at(std::chrono::milliseconds(json_int_or(row, "at", 0)));
      amendments_.push_back({json_int_or(row, "turn_id", 0), by, at});
      if (by > 0) versions_.insert(by);
    }
  }

  void finish() {
    std::map<int64_t, std::vector<int64_t>> by_home;  // old ids by the scope of their session
    for (const auto& [id, given] : turns_) {
      if (versions_.contains(id)) continue;
      if (const auto there = find(given)) {
        ids_[id] = *there;
        ++report_.duplicates;
      } else {
        by_home[given.home].push_back(id);
      }
    }
    for (const auto& [home, ids] : by_home) add(scopes_.at(home), ids);
    // Those of older versions first: a newer one may amend them.
    std::ranges::sort(amendments_, {}, &Amendment::by);
    for (const Amendment& amendment : amendments_) amend(amendment);
    Unsettled changed;
    for (const int64_t id : moved_) {
      const Given& given = turns_.at(id);
      if (!ids_.contains(id) || given.scope == given.home) continue;
      move_turn(store_, ids_.at(id), store_.put_scope(scopes_.at(given.scope)), changed);
    }
    settle_facts(store_, changed);
    store_.raise_generation();
  }

 private:
  struct Session {
    std::string name{};
    int64_t kind = 0;
    int64_t scope = 0;
  };
  struct Given {
    NewTurn turn{};
    std::string sha256{};  // of the text as it was when it was stored there,
    std::string stored{};  // and as it comes in here: masked, cut
    int64_t scope = 0;  // where it is seen
    int64_t home = 0;   // where it was said
  };
  struct Amendment {
    int64_t turn = 0, by = 0;
    Time at{};
  };

  void read(const Json& row) {
    const int64_t scope = json_int_or(row, "scope_id", 0);
    const auto session = sessions_.find(json_int_or(row, "session_id", 0));
    const bool is_whole = session != sessions_.end() && scopes_.contains(scope) &&
                          scopes_.contains(session->second.scope);
    if (!is_whole) fail(Code::invalid, "a turn without its scope or session");
    Given& given = turns_[json_int_or(row, "id", 0)];
    given.scope = scope;
    given.home = session->second.scope;
    given.sha256 = json_string(row, "sha256");
    NewTurn& turn = given.turn;
    turn.session = session->second.name;
    turn.kind = session->second.kind == 1 ? SessionKind::agent : SessionKind::chat;
    if (row.contains("external_id") && row["external_id"].is_string()) {
      turn.external_id = json_string(row, "external_id");
    }
    turn.speaker = json_string(row, "speaker");
    turn.role = json_string(row, "role");
    turn.channel = json_string(row, "channel");
    turn.tier = static_cast<Tier>(std::clamp<int64_t>(json_int_or(row, "tier", 1), 1, 5));
    turn.said_at = Time(std::chrono::milliseconds(json_int_or(row, "said_at", 0)));
    turn.said_offset = static_cast<int>(json_int_or(row, "said_offset", 0));
    turn.text = json_string(row, "text");
    given.stored = prepare_turn(turn).sha256;
  }

  void add(const Scope& home, const std::vector<int64_t>& ids) {
    std::vector<NewTurn> turns;
    for (const int64_t id : ids) turns.push_back(turns_.at(id).turn);
    Ingest ingest(store_, ports_, home);
    const std::vector<WriteResult> results = ingest.remember_within(turns, "user", "import");
    for (size_t i = 0; i < results.size(); ++i) {
      count(results[i]);
      if (results[i].id == 0) continue;
      ids_[ids[i]] = results[i].id;
      if (results[i].outcome == Written::stored) moved_.push_back(ids[i]);
    }
  }

  void count(const WriteResult& result) {
    report_.stored += result.outcome == Written::stored;
    report_.duplicates += result.outcome == Written::duplicate;
    report_.refused += result.outcome == Written::forgotten;
    report_.empty += result.outcome == Written::empty;
    if (result.outcome == Written::stored) report_.redactions += result.redactions;
  }

  // What was corrected here stays as it was corrected here.
  void amend(const Amendment& amendment) {
    const auto old = ids_.find(amendment.turn);
    if (old == ids_.end()) return;
    const std::optional<Turn> turn = store_.turn(old->second);
    if (!turn) return;
    const auto given = turns_.find(amendment.by);
    if (const std::optional<TurnId> here = store_.amended_by(turn->id)) {
      const std::optional<Turn> version = *here > 0 ? store_.turn(*here) : std::nullopt;
      if (given == turns_.end() || !version || !is_text_of(given->second, version->sha256)) return;
      ids_[amendment.by] = version->id;
      ++report_.duplicates;
    } else if (amendment.by == 0) {
      store_.put_amendment(turn->id, 0, amendment.at);
      Unsettled changed;
      drop_facts(store_, turn->id, changed);
      settle_facts(store_, changed);
      for (const CellId cell : store_.cells_of_turn(turn->id)) derive_again(store_, cell);
    } else if (given != turns_.end()) {
      put(*turn, amendment, given->second.turn);
    }
  }

  void put(const Turn& old, const Amendment& amendment, const NewTurn& given) {
    Turn next = prepare_turn(given);
    next.scope = old.scope;
    next.session_key = old.session_key;
    next.kind = old.kind;
    next.learnt_at = amendment.at;
    const Scope& home = scopes_.at(turns_.at(amendment.by).home);
    if (was_forgotten(store_, store_.find_scopes({home}), store_.mac_key(), next)) {
      ++report_.refused;
      return;
    }
    put_version(store_, ports_, old.id, next, amendment.at);
    const Time now = ports_.now ? ports_.now() : system_now();
    store_.add_event({.at = now, .actor = "user", .op = "import", .kind = "turn",
                      .first_id = next.id, .last_id = next.id, .reason = ""});
    ids_[amendment.by] = next.id;
    moved_.push_back(amendment.by);
    ++report_.stored;
    report_.redactions += next.redactions;
  }

  // The same place in the session, or the same words at the same time.
  std::optional<TurnId> find(const Given& given) {
    const std::optional<ScopeId> scope = store_.find_scope(scopes_.at(given.home));
    const auto session = scope ? store_.find_session(*scope, given.turn.session) : std::nullopt;
    if (!session) return std::nullopt;
    if (!given.turn.external_id.empty()) {
      const auto there = store_.find_external(session->key, given.turn.external_id);
      return there ? std::optional(there->id) : std::nullopt;
    }
    const auto [known, is_new] = known_.try_emplace(session->key);
    if (is_new) {
      for (const TurnId id : store_.session_turns(session->key)) {
        const auto there = store_.turn(id);
        if (there) known->second.try_emplace({there->said_at, there->sha256}, id);
      }
    }
    for (const std::string& text : {given.sha256, given.stored}) {
      const auto place = known->second.find({given.turn.said_at, text});
      if (place != known->second.end()) return place->second;
    }
    return std::nullopt;
  }

  static bool is_text_of(const Given& given, const std::string& sha256) {
    return sha256 == given.sha256 || sha256 == given.stored;
  }

  Store& store_;
  const Ports& ports_;
  ImportReport& report_;
  // All by their ids in the export.
  std::map<int64_t, Scope> scopes_;
  std::map<int64_t, Session> sessions_;
  std::map<int64_t, Given> turns_;
  std::vector<Amendment> amendments_;
  std::set<int64_t> versions_;     // turns that are newer versions of others
  std::map<int64_t, TurnId> ids_;  // what they are here
  std::vector<int64_t> moved_;     // that came in now
  std::map<int64_t, std::map<std::pair<Time, std::string>, TurnId>> known_;
};

}  // namespace

ImportReport import_export(Store& store, const Ports& ports, const std::filesystem::path& file) {
  Export given = read_export(file);
  ImportReport report{.line_count = std::ssize(given.rows)};
  const MemoryStats stats = store.stats();
  if (stats.turns == 0 && stats.events == 0 && stats.tombstones == 0) {
    restore(store, given, report);
    return report;
  }
  Merger merger(store, ports, report);
  for (const Json& row : given.rows) merger.take(row);
  store.write([&] { merger.finish(); });
  return report;
}

}  // namespace corvid::memory
