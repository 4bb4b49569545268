#pragma once
// The [memory] table of $XDG_CONFIG_HOME/corvid/config.toml.

#include <string>

#include "memory/memory.h"
#include "runtime/paths.h"

namespace corvid::runtime {

struct MemorySettings {
  std::string store{};  // a folder, or the postgresql:// URL of a database
  std::string embedder = "built-in";  // see memory_ports
  memory::Durability durability = memory::Durability::full;  // "full" or "normal"
  std::string model{};  // that `memory consolidate` asks; "": none
  bool consolidates_after_runs = false;  // consolidate = "after-runs" rather than "on-demand"
};

// The defaults, with the store in the data folder, without a file or table. Throws invalid, naming
// file and line.
MemorySettings read_memory_settings(const Paths& paths);

}  // namespace corvid::runtime
