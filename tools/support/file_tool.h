#pragma once
// What the tools that read and change files share.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tool.h"

namespace corvid::tools {

using Paths = std::vector<std::filesystem::path>;

// What a tool that runs no command would do.
policies::Action action_of(std::string tool, Paths reads = {}, Paths writes = {});

ToolResult error_result(std::string text);

// The workspace's files without those that the call's profile hides.
std::vector<std::string> visible_files(const ToolContext& context);

// "no such file: PATH", with files of the same name where there are some.
std::string missing_file(const ToolContext& context, const std::string& path);

// Remembers that the session has seen this content of `path`.
void note_read(ToolState& state, const std::string& path, std::string_view content);

// Empty when the session has seen exactly `content`; otherwise what the model has to do first.
std::string unread_problem(const ToolState& state, const std::string& path,
                           std::string_view content);

// "c1 PATH:LINE - OLD -> NEW", "... + NEW" (inserted), "... x OLD" (deleted), without newline.
std::string describe_choice(const Choice& choice);

// nullptr: no such choice was offered.
const Choice* find_choice(const ToolState& state, std::string_view id);

}  // namespace corvid::tools
