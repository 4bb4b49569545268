#pragma once

#include <optional>
#include <string>

#include "tools/tool.h"

namespace corvid::tools {

// The text of `path` from which edit_file's old_text can come: as the model read it, if it stands
// so still. nullopt: it was not read, has changed, is no UTF-8 text, or is larger than 1 MiB.
std::optional<std::string> text_to_edit(const Workspace& workspace, const ToolState& state,
                                        const std::string& path);

}  // namespace corvid::tools
