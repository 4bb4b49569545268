#include "tools/edit_text.h"

#include "runtime/base/text.h"
#include "tools/support/file_tool.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr int64_t kBytesMax = 1 << 20;

}  // namespace

std::optional<std::string> text_to_edit(const Workspace& workspace, const ToolState& state,
                                        const std::string& path) {
  const std::optional<std::string> content = workspace.read(path, kBytesMax);
  if (!content || !unread_problem(state, path, *content).empty()) return std::nullopt;
  if (is_binary(*content) || !is_utf8(*content)) return std::nullopt;
  std::string text = normal_text(*content);
  // replace_once() takes a last one for granted.
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

}  // namespace corvid::tools
