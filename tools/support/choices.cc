#include "tools/support/choices.h"

#include "tools/support/file_tool.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

// Before every line and behind the last.
bool can_insert(std::string_view content, int line) {
  return line == 1 || line_at(content, line) || line_at(content, line - 1);
}

}  // namespace

std::optional<std::string> apply_edit(const EditCandidate& edit, std::string_view content) {
  if (edit.old_text.empty()) {
    if (!can_insert(content, edit.line)) return std::nullopt;
    return change_line(content, edit.line, LineChange::insert, edit.new_text);
  }
  if (line_at(content, edit.line) != edit.old_text) return std::nullopt;
  const LineChange change = edit.new_text.empty() ? LineChange::erase : LineChange::replace;
  return change_line(content, edit.line, change, edit.new_text);
}

std::optional<std::string> take_back_edit(const EditCandidate& edit, std::string_view content) {
  if (edit.new_text.empty()) {
    if (!can_insert(content, edit.line)) return std::nullopt;
    return change_line(content, edit.line, LineChange::insert, edit.old_text);
  }
  if (line_at(content, edit.line) != edit.new_text) return std::nullopt;
  const LineChange change = edit.old_text.empty() ? LineChange::erase : LineChange::replace;
  return change_line(content, edit.line, change, edit.old_text);
}

std::optional<TakenBack> without_applied(const ToolState& state, const Workspace& workspace) {
  const Choice* applied = state.applied.empty() ? nullptr : find_choice(state, state.applied);
  if (applied == nullptr) return std::nullopt;
  std::optional<std::string> before = workspace.read(applied->edit.path);
  if (!before) return std::nullopt;
  std::optional<std::string> content = take_back_edit(applied->edit, *before);
  if (!content) return std::nullopt;
  return TakenBack{applied->id, applied->edit.path, std::move(*before), std::move(*content)};
}

}  // namespace corvid::tools
