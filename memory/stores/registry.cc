#include "memory/store.h"
#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/registry.h"

namespace corvid::memory {

using MakeStore = std::unique_ptr<Store> (*)(std::string_view location, Durability durability,
                                             const std::string& tenant);

#define X(id, name) \
  std::unique_ptr<Store> make_##id(std::string_view location, Durability durability, \
                                   const std::string& tenant);
#include "memory/stores/stores.inc"
#undef X

static constexpr Entry<MakeStore> kStores[] = {
#define X(id, name) {name, make_##id},
#include "memory/stores/stores.inc"
#undef X
};

bool is_store_url(std::string_view location) {
  return location.starts_with("postgresql://") || location.starts_with("postgres://");
}

std::unique_ptr<Store> make_store(std::string_view location, Durability durability,
                                  const std::string& tenant) {
  const std::string_view kind = is_store_url(location) ? "postgres" : "sqlite";
  return find_maker<MakeStore>(kStores, "store", kind)(location, durability, tenant);
}

bool Store::scrub() {
  try {
    return scrub_all();
  } catch (const Error& error) {  // edge: what was erased is; its traces wait for room
    log::warning("memory", "traces of what was forgotten are still there",
                 {{"reason", error.what()}});
    return false;
  }
}

std::vector<TermCount> Store::match_after(std::string_view term, TurnId after) const {
  std::vector<TermCount> hits = match(term);
  std::erase_if(hits, [after](const TermCount& hit) { return hit.turn <= after; });
  return hits;
}

}  // namespace corvid::memory
