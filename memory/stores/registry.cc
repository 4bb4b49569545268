#include "memory/store.h"
#include "runtime/base/registry.h"

namespace corvid::memory {

using MakeStore = std::unique_ptr<Store> (*)(std::string_view location, Durability durability);

#define X(id, name) \
  std::unique_ptr<Store> make_##id(std::string_view location, Durability durability);
#include "memory/stores/stores.inc"
#undef X

static constexpr Entry<MakeStore> kStores[] = {
#define X(id, name) {name, make_##id},
#include "memory/stores/stores.inc"
#undef X
};

std::unique_ptr<Store> make_store(std::string_view kind, std::string_view location,
                                  Durability durability) {
  return find_maker<MakeStore>(kStores, "store", kind)(location, durability);
}

}  // namespace corvid::memory
