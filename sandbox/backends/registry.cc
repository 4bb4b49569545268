#include "runtime/base/registry.h"
#include "sandbox/sandbox.h"

namespace corvid::sandbox {

using MakeSandbox = std::unique_ptr<Sandbox> (*)(const SandboxOptions& options);

#define X(id, name) std::unique_ptr<Sandbox> make_##id(const SandboxOptions& options);
#include "sandbox/backends/backends.inc"
#undef X

static constexpr Entry<MakeSandbox> kBackends[] = {
#define X(id, name) {name, make_##id},
#include "sandbox/backends/backends.inc"
#undef X
};

std::unique_ptr<Sandbox> make_sandbox(std::string_view name, const SandboxOptions& options) {
  return find_maker<MakeSandbox>(kBackends, "sandbox", name)(options);
}

}  // namespace corvid::sandbox
