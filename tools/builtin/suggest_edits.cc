#include <algorithm>
#include <optional>
#include <set>

#include "runtime/base/json.h"
#include "tools/check_programs.h"
#include "tools/support/beneath.h"
#include "tools/support/choices.h"
#include "tools/support/file_tool.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr int kChoicesMax = 256;
constexpr int64_t kShownDefault = 10;
constexpr int64_t kFileBytesMax = 1 << 20;
constexpr int64_t kSourceBytesMax = 16 << 20;  // of all files together

bool is_same_edit(const EditCandidate& a, const EditCandidate& b) {
  return a.path == b.path && a.line == b.line && a.old_text == b.old_text &&
         a.new_text == b.new_text;
}

// Every file of a known language in the workspace (or only `path`) as it is without the applied
// choice.
std::vector<SourceFile> sources_of(const ToolContext& context, const std::string& path,
                                   const std::optional<TakenBack>& taken_back) {
  std::vector<SourceFile> sources;
  int64_t bytes = 0;
  for (const std::string& file : visible_files(context)) {
    const bool is_asked_for = file == path;
    if (!is_asked_for && (!path.empty() || !has_edits(file))) continue;
    std::string content;
    if (taken_back && taken_back->path == file) {
      content = taken_back->content;
    } else {
      ReadResult read = read_beneath(context.workspace.root(), file, kFileBytesMax);
      if (read.outcome != ReadOutcome::ok) continue;
      content = std::move(read.content);
    }
    if (is_binary(content)) continue;
    bytes += std::ssize(content);
    if (bytes > kSourceBytesMax) break;
    sources.push_back({file, normal_text(content)});
  }
  return sources;
}

// The choices that were tried stay, with their ids; the candidates get the free ids in order.
void offer(std::vector<EditCandidate> candidates, ToolState& state) {
  std::vector<Choice> choices;
  for (const Choice& choice : state.choices) {
    if (state.tried.contains(choice.id)) choices.push_back(choice);
  }
  const size_t tried_count = choices.size();
  int number = 0;
  for (EditCandidate& candidate : candidates) {
    const auto end = choices.begin() + ptrdiff_t(tried_count);
    const bool was_tried = std::any_of(choices.begin(), end, [&](const Choice& choice) {
      return is_same_edit(choice.edit, candidate);
    });
    if (was_tried || choices.size() - tried_count >= size_t(kChoicesMax)) continue;
    std::string id;
    do {
      id = "c" + std::to_string(++number);
    } while (state.tried.contains(id));
    choices.push_back({id, std::move(candidate)});
  }
  state.choices = std::move(choices);
}

// What the check runs is no place for repairs.
void leave_out_check(const ToolContext& context, std::vector<SourceFile>& sources) {
  const auto read_file = [&](const std::string& path) -> std::optional<std::string> {
    ReadResult read = read_beneath(context.workspace.root(), path, kFileBytesMax);
    if (read.outcome != ReadOutcome::ok) return std::nullopt;
    return std::move(read.content);
  };
  const std::set<std::string> programs =
      check_programs(context.check_command, read_file, context.workspace.files());
  std::erase_if(sources, [&](const SourceFile& file) { return programs.contains(file.path); });
}

class SuggestEdits final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    return action_of("suggest_edits", {workspace.action_path(json_string_or(args, "path", "."))});
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (!context.edit_ranker) {
      return error_result("no tables for suggestions are installed");
    }
    ToolState& state = context.state;
    const Workspace& workspace = context.workspace;
    std::string path = workspace.relative(json_string_or(args, "path", "."));
    if (path == ".") path.clear();
    const std::optional<TakenBack> taken_back = without_applied(state, workspace);
    std::vector<SourceFile> sources = sources_of(context, path, taken_back);
    if (path.empty()) leave_out_check(context, sources);
    if (sources.empty()) {
      if (path.empty()) return error_result("there are no files of Python, C or C++");
      return error_result(missing_file(context, path));
    }
    EditOptions options;
    options.ranking = context.edit_ranking;
    options.limit = kChoicesMax + int(state.tried.size());
    options.path = path;
    options.first_line = int(json_int_or(args, "first_line", 0));
    options.last_line = int(json_int_or(args, "last_line", 0));
    options.seed = context.seed;
    static const Evidence kNothingKnown;
    const Evidence& evidence = context.evidence ? context.evidence() : kNothingKnown;
    offer(context.edit_ranker().rank(sources, evidence, options, context.rank_edits), state);
    return {.text = describe(state, json_int_or(args, "limit", kShownDefault))};
  }

 private:
  static std::string describe(const ToolState& state, int64_t limit) {
    std::string lines;
    int64_t count = 0;
    for (const Choice& choice : state.choices) {
      if (state.tried.contains(choice.id) || ++count > limit) continue;
      lines += describe_choice(choice) + "\n";
    }
    if (count == 0) return "no candidates\n";
    std::string text = std::to_string(count) + " candidates, best first:\n" + lines;
    if (count > limit) text += "(" + std::to_string(count - limit) + " more)\n";
    return text;
  }

  const ToolSpec spec_ = {
      "suggest_edits",
      "Propose one-line repairs of Python, C or C++, ranked. Apply one with edit_file {choice}.",
      R"({"type":"object","properties":{"path":{"type":"string"},)"
      R"("first_line":{"type":"integer","minimum":1},"last_line":{"type":"integer","minimum":1},)"
      R"("limit":{"type":"integer","minimum":1,"maximum":256}},"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_suggest_edits() { return std::make_unique<SuggestEdits>(); }

}  // namespace corvid::tools
