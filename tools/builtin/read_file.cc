#include <algorithm>

#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/quote.h"
#include "tools/support/file_tool.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr int64_t kWholeFileLines = 400;  // shown whole when no range is asked for
constexpr int64_t kDefaultLines = 200;    // of longer files
constexpr size_t kLineBytesMax = 2000;
constexpr std::string_view kOutput = "output:";  // a long output that the session keeps

std::optional<std::string> read_output(const ToolContext& context, const std::string& name) {
  const bool is_plain =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
  const std::filesystem::path file = context.output_folder / (name + ".txt");
  if (!is_plain || context.output_folder.empty() || !std::filesystem::is_regular_file(file)) {
    return std::nullopt;
  }
  return read_file(file);
}

class ReadFile final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    if (json_string(args, "path").starts_with(kOutput)) return action_of("read_file");
    return action_of("read_file", {workspace.action_path(json_string(args, "path"))});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    const std::string named = json_string(args, "path");
    const bool is_output = named.starts_with(kOutput);
    const std::string path = is_output ? named : context.workspace.relative(named);
    const std::optional<std::string> content =
        is_output ? read_output(context, named.substr(kOutput.size()))
                  : context.workspace.read(path);
    if (!content && is_output) return error_result("there is no " + quote_path(path));
    if (!content) return error_result(missing_file(context, path));
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
    if (!is_output) note_read(context.state, path, *content);
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
      R"("required":["path"],"additionalProperties":false})",
      true};
};

}  // namespace

std::unique_ptr<Tool> make_read_file() { return std::make_unique<ReadFile>(); }

}  // namespace corvid::tools
