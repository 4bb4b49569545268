#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/diff.h"
#include "tools/quote.h"
#include "tools/support/choices.h"
#include "tools/support/file_tool.h"
#include "tools/support/text_edit.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

// Throws invalid unless the arguments are those of one of the two forms.
bool is_choice_form(const Json& args) {
  const bool has_choice = args.contains("choice");
  const int texts = int(args.contains("path")) + int(args.contains("old_text")) +
                    int(args.contains("new_text"));
  if (has_choice ? texts == 0 : texts == 3) return has_choice;
  fail(Code::invalid, "edit_file needs either choice alone, or path, old_text and new_text");
}

const Choice& offered_choice(const ToolState& state, const std::string& id) {
  const Choice* choice = find_choice(state, id);
  if (choice != nullptr) return *choice;
  fail(Code::invalid, state.choices.empty() ? "nothing is on offer: call suggest_edits first"
                                            : "no such choice: " + id);
}

// After a change by the tools the session still knows what stands in a file that it had read.
void keep_read(ToolState& state, const std::string& path, std::string_view before,
               std::string_view after) {
  const auto seen = state.read_hashes.find(path);
  if (seen != state.read_hashes.end() && seen->second == sha256_hex(before)) {
    note_read(state, path, after);
  }
}

std::string no_match_text(const std::string& path, std::string_view content,
                          const std::string& old_text, const TextEdit& edit) {
  if (edit.match_count == 0) {
    const std::string closest = closest_lines(content, old_text);
    const std::string text = "old_text is not in " + quote_path(path) + ".";
    return closest.empty() ? text : text + " The closest lines are:\n" + closest;
  }
  std::string lines;
  for (const int line : edit.match_lines) lines += " " + std::to_string(line);
  return "old_text is " + std::to_string(edit.match_count) + " times in " + quote_path(path) +
         ", at lines" + lines + ". Give more lines around it.";
}

class EditFile final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState& state) const override {
    policies::Action action = action_of("edit_file");
    if (is_choice_form(args)) {
      const Choice& choice = offered_choice(state, json_string(args, "choice"));
      action.writes.push_back(workspace.action_path(choice.edit.path));
      const Choice* applied = find_choice(state, state.applied);
      if (applied != nullptr && applied->edit.path != choice.edit.path) {
        action.writes.push_back(workspace.action_path(applied->edit.path));
      }
    } else {
      action.writes.push_back(workspace.action_path(json_string(args, "path")));
    }
    action.reads = action.writes;
    return action;
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (is_choice_form(args)) return apply_choice(json_string(args, "choice"), context);
    return replace_text(args, context);
  }

 private:
  static ToolResult replace_text(const Json& args, const ToolContext& context) {
    const std::string path = context.workspace.relative(json_string(args, "path"));
    const std::string old_text = json_string(args, "old_text");
    const std::string new_text = json_string(args, "new_text");
    const std::optional<std::string> before = context.workspace.read(path);
    if (!before) return error_result(missing_file(context, path));
    if (is_binary(*before)) return error_result(quote_path(path) + " is binary");
    const std::string problem = unread_problem(context.state, path, *before);
    if (!problem.empty()) return error_result(problem);
    if (old_text.empty()) return error_result("old_text is empty");
    if (old_text == new_text) return error_result("old_text and new_text are the same");
    if (!is_utf8(*before) && !(is_ascii(old_text) && is_ascii(new_text))) {
      return error_result(quote_path(path) + " is not UTF-8: only ASCII text in it can be edited");
    }
    const TextEdit edit = replace_once(*before, old_text, new_text);
    if (edit.match_count != 1) {
      return error_result(no_match_text(path, *before, old_text, edit));
    }
    context.workspace.write(path, edit.content);
    note_read(context.state, path, edit.content);
    ToolResult result;
    result.diff = unified_diff(path, *before, edit.content);
    result.text = "edited " + quote_path(path) + ":" + std::to_string(edit.match_lines.at(0)) +
                  "\n" + result.diff;
    return result;
  }

  static ToolResult apply_choice(const std::string& id, const ToolContext& context) {
    ToolState& state = context.state;
    const Workspace& workspace = context.workspace;
    const Choice choice = offered_choice(state, id);
    const std::string& path = choice.edit.path;
    if (state.applied == id) return error_result(id + " is applied already");
    const std::optional<TakenBack> taken_back = without_applied(state, workspace);
    const bool is_same_file = taken_back && taken_back->path == path;
    const std::optional<std::string> now =
        is_same_file ? std::optional(taken_back->before) : workspace.read(path);
    if (!now) return error_result(missing_file(context, path));
    const std::string& base = is_same_file ? taken_back->content : *now;
    const std::optional<std::string> after = apply_edit(choice.edit, base);
    state.tried.insert(id);
    if (!after) {
      return error_result(id + " does not fit any more: " + quote_path(path) + ":" +
                          std::to_string(choice.edit.line) + " has changed");
    }
    ToolResult result;
    if (taken_back) {
      if (!is_same_file) {
        workspace.write(taken_back->path, taken_back->content);
        keep_read(state, taken_back->path, taken_back->before, taken_back->content);
        result.diff = unified_diff(taken_back->path, taken_back->before, taken_back->content);
      }
      result.text = "took back " + taken_back->id + "\n";
    } else if (!state.applied.empty()) {
      result.text = state.applied + " stays: its line has changed since\n";
    }
    // Between the two writes no choice stands in the workspace.
    state.applied.clear();
    workspace.write(path, *after);
    keep_read(state, path, *now, *after);
    state.applied = id;
    result.diff += unified_diff(path, *now, *after);
    result.text += "applied " + id + " to " + quote_path(path) + ":" +
                   std::to_string(choice.edit.line) + "\n" + unified_diff(path, base, *after);
    return result;
  }

  const ToolSpec spec_ = {
      "edit_file",
      "Replace old_text, which must be in the file exactly once, or apply a choice of "
      "suggest_edits.",
      R"({"type":"object","properties":{"path":{"type":"string"},"old_text":{"type":"string"},)"
      R"("new_text":{"type":"string"},"choice":{"type":"string"}},)"
      R"("additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_edit_file() { return std::make_unique<EditFile>(); }

}  // namespace corvid::tools
