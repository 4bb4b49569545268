#include "engine/backends/ops.h"
#include "runtime/base/registry.h"

namespace corvid::engine {

using MakeOps = std::unique_ptr<Ops> (*)(const OpsOptions& options);

#define X(id, name) std::unique_ptr<Ops> make_##id(const OpsOptions& options);
#include "engine/backends/backends.inc"
#undef X

static constexpr Entry<MakeOps> kBackends[] = {
#define X(id, name) {name, make_##id},
#include "engine/backends/backends.inc"
#undef X
};

std::unique_ptr<Ops> make_ops(std::string_view backend, const OpsOptions& options) {
  return find_maker<MakeOps>(kBackends, "backend", backend)(options);
}

}  // namespace corvid::engine
