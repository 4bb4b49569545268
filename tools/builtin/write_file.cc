#include "runtime/base/json.h"
#include "tools/diff.h"
#include "tools/quote.h"
#include "tools/support/file_tool.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

class WriteFile final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    const std::filesystem::path path = workspace.action_path(json_string(args, "path"));
    return action_of("write_file", {path}, {path});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    const std::string path = context.workspace.relative(json_string(args, "path"));
    std::string content = json_string(args, "content");
    const std::optional<std::string> before = context.workspace.read(path);
    ToolResult result;
    if (!before) {
      context.workspace.write(path, content);
      result.diff = added_file_diff(path, content);
      result.text = "wrote " + quote_path(path) + " (new)\n";
    } else {
      const std::string problem = unread_problem(context.state, path, *before);
      if (!problem.empty()) return error_result(problem);
      // A model writes "\n"; a file with other endings or a mark keeps them.
      if (content.find('\r') == std::string::npos) {
        content = with_endings(content, usual_ending(*before));
      }
      if (before->starts_with(kByteOrderMark) && !content.starts_with(kByteOrderMark)) {
        content.insert(0, kByteOrderMark);
      }
      context.workspace.write(path, content);
      result.diff = unified_diff(path, *before, content);
      result.text = "wrote " + quote_path(path) + "\n" +
                    (result.diff.empty() ? "nothing changed\n" : result.diff);
    }
    note_read(context.state, path, content);
    return result;
  }

 private:
  const ToolSpec spec_ = {
      "write_file", "Write a whole file.",
      R"({"type":"object","properties":{"path":{"type":"string"},"content":{"type":"string"}},)"
      R"("required":["path","content"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_write_file() { return std::make_unique<WriteFile>(); }

}  // namespace corvid::tools
