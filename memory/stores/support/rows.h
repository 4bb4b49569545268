#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/stores/support/sql.h"
#include "memory/types.h"

namespace corvid::memory {

// Columns that read_turn expects, with their FROM clause; a WHERE clause on `t` may follow.
inline constexpr const char* kTurnColumns =
    "t.id, t.scope_id, t.session_id, s.name, s.kind, t.seq, t.external_id, t.role, t.speaker,"
    " t.channel, t.tier, t.said_at, t.learnt_at, t.text, t.bytes_full, t.sha256, t.words,"
    " t.features, t.redactions, t.injected_ids, t.said_offset FROM turn t"
    " JOIN session s ON s.id = t.session_id ";
Turn read_turn(const Statement& row);

// The same for read_cell, on `c`. The cell's turns are left to add_sources.
inline constexpr const char* kCellColumns =
    "SELECT c.id, c.scope_id, c.session_id, s.name, c.opened_at, c.closed_at, c.reason, c.title,"
    " c.episode, c.deriver, c.tokens FROM segment c JOIN session s ON s.id = c.session_id ";
MemCell read_cell(const Statement& row);
void add_sources(std::span<MemCell> cells, SqlDb& db);

// id, at, actor, op, kind, first_id, last_id, reason.
Event read_event(const Statement& row);

// Hash of an event, which covers the one before it.
std::string event_hash(std::string_view prev, const Event& event);

int64_t to_ms(Time time);
std::string id_list(std::span<const int64_t> ids);  // "1,2,3"
std::vector<int64_t> read_id_list(std::string_view list);

}  // namespace corvid::memory
