#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
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

inline MemoryConfig in_memory() {
  MemoryConfig config;
  config.location = ":memory:";
  return config;
}

inline MemoryConfig in_folder(const std::filesystem::path& folder) {
  MemoryConfig config;
  config.location = (folder / "store").string();
  config.durability = Durability::normal;
  return config;
}

inline std::string all_bytes_below(const std::filesystem::path& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

inline std::vector<std::string> texts(const Recall& recall) {
  std::vector<std::string> out;
  for (const Hit& hit : recall.hits) out.push_back(hit.text);
  return out;
}

}  // namespace corvid::memory::testing
