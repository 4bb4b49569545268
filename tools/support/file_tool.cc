#include "tools/support/file_tool.h"

#include <algorithm>

#include "runtime/base/text.h"
#include "tools/quote.h"

namespace corvid::tools {
namespace {

constexpr int kSimilarMax = 5;

std::string_view file_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

policies::Action action_of(std::string tool, Paths reads, Paths writes) {
  policies::Action action;
  action.tool = std::move(tool);
  action.reads = std::move(reads);
  action.writes = std::move(writes);
  return action;
}

ToolResult error_result(std::string text) { return {.text = std::move(text), .is_error = true}; }

std::vector<std::string> visible_files(const ToolContext& context) {
  std::vector<std::string> files = context.workspace.files();
  std::vector<std::filesystem::path> hidden = context.profile.hidden_paths;
  const std::filesystem::path& top = context.workspace.shown_as();
  std::erase_if(hidden, [&](const auto& path) { return !sandbox::is_beneath(path, top); });
  if (hidden.empty()) return files;
  std::erase_if(files, [&](const std::string& file) {
    return std::ranges::any_of(hidden, [path = top / file](const auto& folder) {
      return sandbox::is_beneath(path, folder);
    });
  });
  return files;
}

std::string missing_file(const ToolContext& context, const std::string& path) {
  std::vector<std::string> similar;
  for (const std::string& file : visible_files(context)) {
    if (file_name(file) == file_name(path)) similar.push_back(quote_path(file));
    if (int(similar.size()) == kSimilarMax) break;
  }
  const std::string text = "no such file: " + quote_path(path);
  return similar.empty() ? text : text + "; there is: " + join(similar, ", ");
}

void note_read(ToolState& state, const std::string& path, std::string_view content) {
  state.read_hashes[path] = sha256_hex(content);
}

std::string unread_problem(const ToolState& state, const std::string& path,
                           std::string_view content) {
  const auto seen = state.read_hashes.find(path);
  if (seen == state.read_hashes.end()) return "read " + quote_path(path) + " first";
  if (seen->second == sha256_hex(content)) return "";
  return quote_path(path) + " has changed since it was read: read it again";
}

std::string describe_choice(const Choice& choice) {
  const EditCandidate& edit = choice.edit;
  const std::string old_text(trim(edit.old_text));
  const std::string new_text(trim(edit.new_text));
  const std::string line = std::to_string(edit.line);
  const std::string place = choice.id + " " + quote_path(edit.path) + ":" + line;
  if (edit.old_text.empty()) return place + " + " + new_text;
  if (edit.new_text.empty()) return place + " x " + old_text;
  return place + " - " + old_text + " -> " + new_text;
}

const Choice* find_choice(const ToolState& state, std::string_view id) {
  for (const Choice& choice : state.choices) {
    if (choice.id == id) return &choice;
  }
  return nullptr;
}

}  // namespace corvid::tools
