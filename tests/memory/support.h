#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "memory/memory.h"
#include "runtime/base/clock.h"

namespace corvid::memory::testing {

inline NewTurn said(const std::string& session, const std::string& speaker,
                    const std::string& text, const std::string& when = "2026-03-02T10:00",
                    const std::string& id = "") {
  NewTurn turn;
  turn.session = session;
  turn.speaker = speaker;
  turn.text = text;
  turn.said_at = parse_time(when);
  turn.external_id = id;
  return turn;
}

inline NewTurn by_role(const std::string& session, const std::string& role,
                       const std::string& text) {
  NewTurn turn = said(session, "", text);
  turn.role = role;
  turn.kind = SessionKind::agent;
  return turn;
}

// A new store that nobody else sees; of which kind, says CORVID_TEST_STORE.
MemoryConfig in_memory();
// The store that belongs to a folder of a test; opening it again gives the same one.
MemoryConfig in_folder(const std::filesystem::path& folder);
// All bytes of the files of that store.
std::string all_bytes_below(const std::filesystem::path& folder);
// Changes that store behind its back.
void run_sql(const std::filesystem::path& folder, const std::string& sql);

inline std::vector<std::string> texts(const Recall& recall) {
  std::vector<std::string> out;
  for (const Hit& hit : recall.hits) out.push_back(hit.text);
  return out;
}

}  // namespace corvid::memory::testing
