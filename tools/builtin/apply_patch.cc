#include <map>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/diff.h"
#include "tools/quote.h"
#include "tools/support/beneath.h"
#include "tools/support/file_tool.h"
#include "tools/support/patch.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

// What stands at a path, before and after; nothing: no file.
struct FileChange {
  std::optional<std::string> before, after;
  Descriptor moved_from;  // whose permissions it gets
};
using Changes = std::map<std::string, FileChange>;

class ApplyPatch final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json& args, const Workspace& workspace,
                        const ToolState&) const override {
    policies::Action action = action_of("apply_patch");
    for (const FilePatch& patch : parse_patch(json_string(args, "patch"))) {
      action.writes.push_back(workspace.action_path(patch.path));
      if (!patch.move_to.empty()) action.writes.push_back(workspace.action_path(patch.move_to));
    }
    action.reads = action.writes;
    return action;
  }

  // All files or none: every change is worked out before the first is written, and what was
  // written is taken back when a later one cannot be.
  ToolResult run(const Json& args, const ToolContext& context) const override {
    Changes changes;
    for (const FilePatch& patch : parse_patch(json_string(args, "patch"))) {
      const std::string problem = work_out(patch, context, changes);
      if (!problem.empty()) return error_result(problem);
    }
    put_all(changes, context.workspace);
    ToolResult result;
    result.text = "changed:";
    for (const auto& [path, change] : changes) {
      if (change.before == change.after) continue;
      result.text += " " + quote_path(path);
      if (!change.after) {
        result.diff += removed_file_diff(path, *change.before);
      } else {
        result.diff += change.before ? unified_diff(path, *change.before, *change.after)
                                     : added_file_diff(path, *change.after);
        note_read(context.state, path, *change.after);
      }
    }
    result.text += result.diff.empty() ? " nothing\n" : "\n" + result.diff;
    return result;
  }

 private:
  static FileChange& change_of(const std::string& path, const ToolContext& context,
                               Changes& changes) {
    const auto known = changes.find(path);
    if (known != changes.end()) return known->second;
    FileChange& change = changes[path];
    change.before = change.after = context.workspace.read(path);
    return change;
  }

  static std::string work_out(const FilePatch& patch, const ToolContext& context,
                              Changes& changes) {
    const std::string path = context.workspace.relative(patch.path);
    FileChange& change = change_of(path, context, changes);
    if (patch.kind == PatchKind::add) {
      if (change.after) return quote_path(path) + " exists already: update it instead";
      change.after = patch.content;
      return {};
    }
    if (!change.after) return missing_file(context, path);
    if (patch.kind == PatchKind::remove) {
      change.after.reset();
      return {};
    }
    if (is_binary(*change.after)) return quote_path(path) + " is binary";
    std::string content = patched(patch, *change.after);
    if (!is_utf8(*change.after) && is_utf8(content)) return quote_path(path) + " is not UTF-8";
    if (patch.move_to.empty()) {
      change.after = std::move(content);
      return {};
    }
    const std::string target = context.workspace.relative(patch.move_to);
    change.after.reset();
    FileChange& moved = change_of(target, context, changes);
    if (moved.after) return quote_path(target) + " exists already";
    moved.after = std::move(content);
    moved.moved_from = open_in(context.workspace, path, O_PATH);
    return {};
  }

  static Descriptor open_in(const Workspace& workspace, const std::string& path, int flags) {
    const Descriptor root(::open(workspace.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return open_beneath(root.get(), path, flags);
  }

  static void keep_mode(const Workspace& workspace, const std::string& path, int from) {
    struct stat status = {};
    const Descriptor fd = open_in(workspace, path, O_RDONLY);
    const bool is_kept = fd.is_open() && ::fstat(from, &status) == 0 &&
                         ::fchmod(fd.get(), status.st_mode & 0777) == 0;
    if (!is_kept) fail_errno("cannot set the mode of " + quote_path(path));
  }

  static void put(const Workspace& workspace, const std::string& path,
                  const std::optional<std::string>& content) {
    if (content) {
      workspace.write(path, *content);
    } else {
      workspace.remove(path);
    }
  }

  static void put_all(const Changes& changes, const Workspace& workspace) {
    std::vector<Changes::const_iterator> written;
    try {
      for (auto each = changes.begin(); each != changes.end(); ++each) {
        if (each->second.before == each->second.after) continue;
        put(workspace, each->first, each->second.after);
        written.push_back(each);
        const Descriptor& from = each->second.moved_from;
        if (from.is_open()) keep_mode(workspace, each->first, from.get());
      }
    } catch (const std::exception&) {  // edge: a full disk, a folder in the way
      for (const auto& each : written) put(workspace, each->first, each->second.before);
      throw;
    }
  }

  const ToolSpec spec_ = {
      "apply_patch",
      "Change several files, all or nothing: '*** Begin Patch', per file '*** Update File: PATH' "
      "(or Add File, Delete File) and hunks of lines that begin with ' ', '-' or '+' ('@@ LINE': a "
      "line above the hunk), '*** End Patch'.",
      R"({"type":"object","properties":{"patch":{"type":"string"}},)"
      R"("required":["patch"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_apply_patch() { return std::make_unique<ApplyPatch>(); }

}  // namespace corvid::tools
