#include <algorithm>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/quote.h"
#include "tools/support/file_tool.h"
#include "tools/support/ignore.h"

namespace corvid::tools {
namespace {

constexpr int kShownMax = 500;

class ListFiles final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    return action_of("list_files", {workspace.action_path(json_string_or(args, "path", "."))});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    const std::string folder = context.workspace.relative(json_string_or(args, "path", "."));
    const std::string pattern = json_string_or(args, "pattern", "");
    const bool is_path_pattern = pattern.find('/') != std::string::npos;
    ToolResult result;
    int count = 0;
    for (const std::string& file : visible_files(context)) {
      if (folder != "." && file != folder && !file.starts_with(folder + "/")) continue;
      const std::string_view name = std::string_view(file).substr(file.rfind('/') + 1);
      if (!pattern.empty() && !glob_match(pattern, is_path_pattern ? file : name)) continue;
      if (++count <= kShownMax) result.text += quote_path(file) + "\n";
    }
    if (count > kShownMax) result.text += "(" + std::to_string(count - kShownMax) + " more)\n";
    if (count == 0) result.text = "no files\n";
    return result;
  }

 private:
  const ToolSpec spec_ = {
      "list_files", "List files, by glob pattern.",
      R"({"type":"object","properties":{"path":{"type":"string"},"pattern":{"type":"string"}},)"
      R"("additionalProperties":false})",
      true};
};

}  // namespace

std::unique_ptr<Tool> make_list_files() { return std::make_unique<ListFiles>(); }

}  // namespace corvid::tools
