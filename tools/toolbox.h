#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tool.h"

namespace corvid::tools {

// One tool of builtin.inc. Throws not_found for an unknown name.
std::unique_ptr<Tool> make_tool(std::string_view name);

// All names of builtin.inc, in its order.
std::vector<std::string> tool_names();

// The tools of one session. Const after construction.
class Toolbox {
 public:
  // `names` empty: all of builtin.inc. Throws not_found for an unknown name, invalid for one that
  // is named twice.
  explicit Toolbox(std::span<const std::string> names = {});

  const Tool* find(std::string_view name) const;  // nullptr: no such tool
  const std::vector<std::unique_ptr<Tool>>& tools() const { return tools_; }

  // Arguments against the tool's schema (types, required, enums, bounds, no extra keys). Throws
  // invalid with every problem named, for the model to read.
  static void validate(const Tool& tool, const Json& args);

 private:
  std::vector<std::unique_ptr<Tool>> tools_;
};

}  // namespace corvid::tools
