#pragma once
// What a command may leave in the workspace that acts with its user's rights later, outside of the
// sandbox: git data whose settings run programs as soon as somebody uses git there (gitconfig(5):
// core.fsmonitor, hooks, filters), and programs with set-user-id or set-group-id bits.

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tools/workspace.h"

namespace corvid::runtime {

class LeftBehind {
 public:
  // What is there now is the user's own. `workspace` must outlive this, and its root's .git must be
  // closed to commands; so must all of protected_folders(). `record` is a file of Corvid's own for
  // this workspace, or none: where the run that wrote it has not ended, what came since its start
  // is cleared first, with a warning in the log.
  explicit LeftBehind(const tools::Workspace& workspace, std::filesystem::path record = {});

  const std::vector<std::filesystem::path>& protected_folders() const { return protected_list_; }

  // Before a command runs: writes the record, once.
  void begin();

  // Disarms what came since: a .git that is more than a plain new repository, the HEAD of any other
  // folder that git would take for one, set-user-id and set-group-id bits of files; likewise git
  // data that was there before and now runs other programs. Git data are renamed, never removed,
  // since they may hold the only copy of somebody's work. Nothing is followed out of the workspace.
  // Returns one sentence for each.
  std::vector<std::string> clear();

  // After the last clear() of a run: removes the record.
  void end();

  // All that clear() has returned so far.
  const std::vector<std::string>& cleared() const { return cleared_; }

 private:
  bool load();  // the record; false: there is none

  const tools::Workspace& workspace_;
  std::filesystem::path record_;
  bool is_recorded_ = false;
  std::vector<std::filesystem::path> protected_list_;
  std::set<std::string> protected_;             // relative paths
  std::map<std::string, std::string> digests_;  // of git folders at the start, by relative path
  std::set<std::string> with_bits_;
  std::vector<std::string> cleared_;
};

}  // namespace corvid::runtime
