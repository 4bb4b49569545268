#include "memory/stores/support/rows.h"

#include <map>

#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

Time from_ms(int64_t ms) { return Time(std::chrono::milliseconds(ms)); }

}  // namespace

int64_t to_ms(Time time) { return time.time_since_epoch().count(); }

std::string id_list(std::span<const int64_t> ids) {
  std::string list;
  for (const int64_t id : ids) {
    if (!list.empty()) list += ',';
    list += std::to_string(id);
  }
  return list;
}

std::vector<int64_t> read_id_list(std::string_view list) {
  std::vector<int64_t> ids;
  int64_t id = 0;
  for (const char c : list) {
    if (c == ',') {
      ids.push_back(id);
      id = 0;
    } else {
      id = id * 10 + (c - '0');
    }
  }
  if (!list.empty()) ids.push_back(id);
  return ids;
}

Turn read_turn(const Statement& row) {
  Turn turn;
  turn.id = row.integer(0);
  turn.scope = row.integer(1);
  turn.session_key = row.integer(2);
  turn.session = row.text(3);
  turn.kind = static_cast<SessionKind>(row.integer(4));
  turn.seq = row.integer(5);
  turn.external_id = row.text(6);
  turn.role = row.text(7);
  turn.speaker = row.text(8);
  turn.channel = row.text(9);
  turn.tier = static_cast<Tier>(row.integer(10));
  turn.said_at = from_ms(row.integer(11));
  turn.learnt_at = from_ms(row.integer(12));
  turn.text = row.text(13);
  turn.bytes_full = row.integer(14);
  turn.sha256 = row.text(15);
  turn.words = static_cast<int32_t>(row.integer(16));
  turn.features = static_cast<uint32_t>(row.integer(17));
  turn.redactions = static_cast<int32_t>(row.integer(18));
  turn.injected_ids = read_id_list(row.text(19));
  turn.said_offset = static_cast<int>(row.integer(20));
  return turn;
}

MemCell read_cell(const Statement& row) {
  MemCell cell;
  cell.id = row.integer(0);
  cell.scope = row.integer(1);
  cell.session_key = row.integer(2);
  cell.session = row.text(3);
  cell.opened_at = from_ms(row.integer(4));
  cell.is_open = row.is_null(5);
  cell.closed_at = from_ms(row.integer(5));
  cell.reason = row.text(6);
  cell.title = row.text(7);
  cell.episode = row.text(8);
  cell.deriver = row.text(9);
  cell.tokens = row.integer(10);
  return cell;
}

void add_sources(std::span<MemCell> cells, SqlDb& db) {
  if (cells.empty()) return;
  std::vector<CellId> ids;
  std::map<CellId, MemCell*> by_id;
  for (MemCell& cell : cells) {
    ids.push_back(cell.id);
    by_id[cell.id] = &cell;
  }
  Statement sources(db, "SELECT derived_id, turn_id FROM source WHERE derived_kind = 'cell' AND " +
                            db.among("derived_id", 1) + " ORDER BY turn_id");
  sources.bind_ids(1, ids);
  while (sources.step()) by_id.at(sources.integer(0))->turns.push_back(sources.integer(1));
}

Event read_event(const Statement& row) {
  Event event;
  event.id = row.integer(0);
  event.at = from_ms(row.integer(1));
  event.actor = row.text(2);
  event.op = row.text(3);
  event.kind = row.text(4);
  event.first_id = row.integer(5);
  event.last_id = row.integer(6);
  event.reason = row.text(7);
  return event;
}

std::string event_hash(std::string_view prev, const Event& event) {
  std::string text(prev);
  for (const std::string& part :
       {std::to_string(to_ms(event.at)), event.actor, event.op, event.kind,
        std::to_string(event.first_id), std::to_string(event.last_id), event.reason}) {
    text += '\0';
    text += part;
  }
  return sha256_hex(text);
}

}  // namespace corvid::memory
