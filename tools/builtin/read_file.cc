#include <algorithm>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/support/file_tool.h"
#include "tools/support/quote.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr int64_t kWholeFileLines = 400;  // shown whole when no range is asked for
constexpr int64_t kDefaultLines = 200;    // of longer files
constexpr size_t kLineBytesMax = 2000;

class ReadFile final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    return action_of("read_file", {workspace.action_path(json_string(args, "path"))});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    const std::string path = context.workspace.relative(json_string(args, "path"));
    const std::optional<std::string> content = context.workspace.read(path);
    if (!content) return error_result(missing_file(context.workspace, path));
    if (is_binary(*content)) {
      return error_result(quote_path(path) + " is binary (" + std::to_string(content->size()) +
                          " bytes)");
    }
    const std::string_view body = std::string_view(*content).substr(
        content->starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
    const std::vector<TextLine> lines = text_lines(body);
    const int64_t count = std::ssize(lines);
    const int64_t first = json_int_or(args, "offset", 1);
    if (first > std::max<int64_t>(count, 1)) {
      return error_result(quote_path(path) + " has only " + std::to_string(count) + " lines");
    }
    const int64_t usual = count <= kWholeFileLines ? kWholeFileLines : kDefaultLines;
    const int64_t last = std::min(count, first - 1 + json_int_or(args, "limit", usual));
    note_read(context.state, path, *content);
    ToolResult result;
    result.text = quote_path(path) + ", lines " + std::to_string(count == 0 ? 0 : first) + "-" +
                  std::to_string(last) + " of " + std::to_string(count) + "\n";
    for (int64_t line = first; line <= last; ++line) {
      const std::string text = to_utf8(lines[size_t(line - 1)].text);
      const std::string_view shown = truncate_utf8(text, kLineBytesMax);
      result.text.append(std::to_string(line)).append("|").append(shown);
      if (shown.size() < text.size()) {
        result.text += "[... " + std::to_string(text.size() - shown.size()) + " bytes left out]";
      }
      result.text += '\n';
    }
    return result;
  }

 private:
  const ToolSpec spec_ = {
      "read_file", "Read a file; offset is the first line.",
      R"({"type":"object","properties":{"path":{"type":"string"},)"
      R"("offset":{"type":"integer","minimum":1},)"
      R"("limit":{"type":"integer","minimum":1,"maximum":2000}},)"
      R"("required":["path"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_read_file() { return std::make_unique<ReadFile>(); }

}  // namespace corvid::tools
