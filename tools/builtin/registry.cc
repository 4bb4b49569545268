#include "runtime/base/registry.h"
#include "tools/toolbox.h"

namespace corvid::tools {

using MakeTool = std::unique_ptr<Tool> (*)();

#define X(id, name) std::unique_ptr<Tool> make_##id();
#include "tools/builtin/builtin.inc"
#undef X

static constexpr Entry<MakeTool> kTools[] = {
#define X(id, name) {name, make_##id},
#include "tools/builtin/builtin.inc"
#undef X
};

std::unique_ptr<Tool> make_tool(std::string_view name) {
  return find_maker<MakeTool>(kTools, "tool", name)();
}

std::vector<std::string> tool_names() {
  std::vector<std::string> names;
  for (const Entry<MakeTool>& entry : kTools) names.emplace_back(entry.name);
  return names;
}

}  // namespace corvid::tools
