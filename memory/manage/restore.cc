#include <map>
#include <set>

#include "memory/ingest/settle.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/redact.h"
#include "memory/ingest/segment.h"
#include "memory/manage/export.h"
#include "memory/manage/import_turns.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

void check_head(const Json& head) {
  if (!head.is_object() || json_string_or(head, "type", "") != "corvid-memory") {
    fail(Code::invalid, "not an export of a memory");
  }
  const int64_t format = json_int_or(head, "format", 0);
  if (format > kStoreFormat) {
    fail(Code::unsupported, "an export of format " + std::to_string(format) +
                                "; this program knows up to " + std::to_string(kStoreFormat));
  }
}

// The rows of a whole, undamaged export.
std::vector<Json> read_rows(const std::filesystem::path& file) {
  const std::string content = read_file(file, kImportBytesMax);
  std::vector<Json> rows;
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
      check_head(json);
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
  return rows;
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

// What was derived of texts that were changed on the way.
void derive_anew(Store& store) {
  rebuild_facts(store);
  for (const ScopeId scope : store.all_scopes()) {
    for (MemCell& cell : store.cells(std::span(&scope, 1), std::numeric_limits<int>::max())) {
      if (cell.is_open) continue;
      std::vector<Turn> turns;
      for (const TurnId id : cell.turns) {
        if (auto turn = store.turn(id)) turns.push_back(std::move(*turn));
      }
      derive_cell(cell, turns);
      store.put_cell(cell);
    }
  }
}

void restore(Store& store, std::vector<Json>& rows, ImportReport& report) {
  store.write([&] {
    int64_t changed = 0;
    for (Json& row : rows) {
      changed += clean(row);
      report.stored += json_string(row, "table") == "turn";
      store.put_row(row);
    }
    store.make_index_anew();
    if (changed > 0) derive_anew(store);
    report.redactions = changed;
    store.raise_generation();
  });
}

// Adds the turns of an export to a store that has its own.
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
      sessions_[id] = {json_string(row, "name"), json_int_or(row, "kind", 0)};
    } else if (table == "turn") {
      add(row);
    }
  }

  void finish() {
    for (auto& [scope, turns] : turns_) {
      Ingest ingest(store_, ports_, scopes_.at(scope));
      for (size_t done = 0; done < turns.size(); done += kImportBatch) {
        const size_t count = std::min(kImportBatch, turns.size() - done);
        for (const WriteResult& result : ingest.remember(
                 std::span(turns).subspan(done, count), "user", "import")) {
          report_.stored += result.outcome == Written::stored;
          report_.duplicates += result.outcome == Written::duplicate;
          report_.refused += result.outcome == Written::forgotten;
          report_.empty += result.outcome == Written::empty;
          if (result.outcome == Written::stored) report_.redactions += result.redactions;
        }
      }
    }
  }

 private:
  void add(const Json& row) {
    const int64_t scope = json_int_or(row, "scope_id", 0);
    const auto session = sessions_.find(json_int_or(row, "session_id", 0));
    if (!scopes_.contains(scope) || session == sessions_.end()) {
      fail(Code::invalid, "a turn without its scope or session");
    }
    NewTurn turn;
    turn.session = session->second.first;
    turn.kind = session->second.second == 1 ? SessionKind::agent : SessionKind::chat;
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
    if (is_there(scopes_.at(scope), turn, json_string(row, "sha256"))) {
      ++report_.duplicates;
    } else {
      turns_[scope].push_back(std::move(turn));
    }
  }

  // The same place in the session, or the same words at the same time.
  bool is_there(const Scope& wanted, const NewTurn& turn, const std::string& sha256) {
    ScopeId scope = 0;
    for (const ScopeId id : store_.find_scopes({.scope = wanted})) scope = id;
    const auto session = store_.find_session(scope, turn.session);
    if (!session) return false;
    if (!turn.external_id.empty()) {
      return store_.find_external(session->key, turn.external_id).has_value();
    }
    const auto [known, is_new] = known_.try_emplace(session->key);
    if (is_new) {
      for (const TurnId id : store_.session_turns(session->key)) {
        const auto there = store_.turn(id);
        if (there) known->second.emplace(there->said_at, there->sha256);
      }
    }
    return known->second.contains({turn.said_at, sha256});
  }

  Store& store_;
  const Ports& ports_;
  ImportReport& report_;
  std::map<int64_t, Scope> scopes_;                             // by id in the export
  std::map<int64_t, std::pair<std::string, int64_t>> sessions_;  // name and kind, the same way
  std::map<int64_t, std::vector<NewTurn>> turns_;                // by scope in the export
  std::map<int64_t, std::set<std::pair<Time, std::string>>> known_;
};

}  // namespace

ImportReport import_export(Store& store, const Ports& ports, const std::filesystem::path& file) {
  std::vector<Json> rows = read_rows(file);
  ImportReport report{.line_count = static_cast<int64_t>(rows.size())};
  const MemoryStats stats = store.stats();
  if (stats.turns == 0 && stats.events == 0 && stats.tombstones == 0) {
    restore(store, rows, report);
    return report;
  }
  Merger merger(store, ports, report);
  for (const Json& row : rows) merger.take(row);
  merger.finish();
  return report;
}

}  // namespace corvid::memory
