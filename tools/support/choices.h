#pragma once
// One-line edits as choices: put into a file, and taken back.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tools/tool.h"

namespace corvid::tools {

// `content` with the edit; nullopt when its line is not (any more) what the edit says it is. An
// insertion fits before every line and behind the last.
std::optional<std::string> apply_edit(const EditCandidate& edit, std::string_view content);

// The opposite of apply_edit; nullopt when the edited line has changed since.
std::optional<std::string> take_back_edit(const EditCandidate& edit, std::string_view content);

// The workspace as it would be without the choice that is applied: the file's path and its content.
// Nothing when no choice is applied or it can no longer be taken back.
struct TakenBack {
  std::string id;
  std::string path;
  std::string before;   // as it stands now
  std::string content;  // without the choice
};
std::optional<TakenBack> without_applied(const ToolState& state, const Workspace& workspace);

}  // namespace corvid::tools
