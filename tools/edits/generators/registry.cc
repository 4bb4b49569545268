#include <array>
#include <span>

#include "runtime/base/registry.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

using Generate = void (*)(const Context&);
constexpr std::array kGenerators = {
#define X(id, name) Entry<Generate>{name, &generate_##id},
#include "tools/edits/generators/generators.inc"
#undef X
};

}  // namespace

void generate(const Context& context) {
  for (const Entry<Generate>& entry : kGenerators) entry.make(context);
}

}  // namespace corvid::tools::edits
