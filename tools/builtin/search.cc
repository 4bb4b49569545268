#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/quote.h"
#include "tools/support/beneath.h"
#include "tools/support/file_tool.h"
#include "tools/support/pattern.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr int64_t kFileBytesMax = 4 << 20;
constexpr int64_t kBytesMax = 256 << 20;  // read in all
constexpr size_t kSearchedLineBytes = 64 << 10;
constexpr size_t kShownBytes = 300;
constexpr int64_t kDefaultLimit = 50;

class Search final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    return action_of("search", {workspace.action_path(json_string_or(args, "path", "."))});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    const Workspace& workspace = context.workspace;
    const std::string place = workspace.relative(json_string_or(args, "path", "."));
    const int64_t limit = json_int_or(args, "limit", kDefaultLimit);
    const SearchPattern pattern(json_string(args, "pattern"));
    ToolResult result;
    int64_t found = 0;
    int64_t bytes_read = 0;
    int64_t skipped = 0;
    for (const std::string& file : visible_files(context)) {
      if (place != "." && file != place && !file.starts_with(place + "/")) continue;
      if (context.stop.stop_requested()) fail(Code::cancelled, "the search was cancelled");
      const ReadResult content = read_beneath(workspace.root(), file, kFileBytesMax);
      if (content.outcome == ReadOutcome::too_large || bytes_read > kBytesMax) ++skipped;
      if (content.outcome != ReadOutcome::ok || bytes_read > kBytesMax) continue;
      bytes_read += std::ssize(content.content);
      if (is_binary(content.content)) continue;
      int64_t number = 0;
      for (const TextLine& line : text_lines(content.content)) {
        ++number;
        if (!pattern.matches(line.text.substr(0, kSearchedLineBytes)) || ++found > limit) continue;
        const std::string text = to_utf8(line.text.substr(0, 2 * kShownBytes));
        result.text += quote_path(file) + ":" + std::to_string(number) + "|";
        result.text.append(truncate_utf8(text, kShownBytes)).append("\n");
      }
    }
    if (found == 0) result.text = "nothing found\n";
    if (found > limit) result.text += "(" + std::to_string(found - limit) + " more)\n";
    if (skipped > 0) result.text += "(" + std::to_string(skipped) + " large files not searched)\n";
    if (pattern.is_literal()) {
      result.text += "(searched as plain text: " + pattern.problem() + ")\n";
    }
    return result;
  }

 private:
  const ToolSpec spec_ = {
      "search", "Find lines that match a regular expression.",
      R"({"type":"object","properties":{"pattern":{"type":"string","minLength":1},)"
      R"("path":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":500}},)"
      R"("required":["pattern"],"additionalProperties":false})",
      true};
};

}  // namespace

std::unique_ptr<Tool> make_search() { return std::make_unique<Search>(); }

}  // namespace corvid::tools
