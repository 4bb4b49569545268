#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "runtime/clean_copy.h"
#include "runtime/event.h"
#include "runtime/snapshot.h"
#include "sandbox/sandbox.h"
#include "tools/evidence.h"
#include "tools/workspace.h"

namespace corvid::runtime {

enum class CheckStatus { verified, unverified, failed };

struct CheckResult {
  CheckStatus status = CheckStatus::failed;
  CheckRan run;                       // of the final state
  std::optional<CheckRan> originals;  // the second check, if there was one
  // Files that differ from the start and that the check reads as tests or build files, or that
  // take the place of a module or program that it uses; sorted.
  std::vector<std::string> changed_tests;
};

// What `run` did without, for people and models; empty: nothing.
std::string left_out_text(const CheckRan& run);

struct CheckerOptions {
  std::string command;  // run by /bin/sh -c in the workspace's own path
  std::chrono::milliseconds time_max = std::chrono::seconds(600);
  sandbox::Profile profile;       // system files; the workspace is added here
  // Takes the place of the profile's hosts once the run has read text from the web, which may have
  // made the model write what sends files there.
  std::vector<std::string> hosts_after_untrusted;
  std::filesystem::path scratch;  // where the copies are made; empty: the temporary folder
  int parallel_max = 0;           // of verify(), others wait; 0: as many as there are processors
};

// Runs the check that decides: in a clean copy, in the sandbox, discarded afterwards (design.md
// §7). The command is fixed when the object is made: neither model, tools nor project files change
// it. Thread-safe.
class Checker {
 public:
  // `start` is the workspace as the run found it; `ignored` its ignored files.
  Checker(sandbox::Sandbox& sandbox, CheckerOptions options, const SnapshotStore& store,
          Snapshot start, std::shared_ptr<const IgnoredFiles> ignored);

  const std::string& command() const { return options_.command; }

  // The check over the present state of `workspace`. Where files that a check reads as tests or
  // build files were changed, removed or added, or files were added that stand in for a module or
  // program of the check, it runs again with the originals and without the added ones: verified
  // only if both pass. Where one of them was too large for the snapshot of the start, there is no
  // original, and nothing is verified. `has_untrusted`: the run has read text from the web.
  // `time_max`, where it is shorter than the options' own, ends each run of it.
  CheckResult verify(const tools::Workspace& workspace, bool has_untrusted, std::stop_token stop,
                     std::chrono::milliseconds time_max = std::chrono::milliseconds::max()) const;

  // The check over `workspace`, traced where it runs Python: where it fails and what it executes.
  // Also fills what `task` mentions.
  tools::Evidence evidence(const tools::Workspace& workspace, const std::string& task,
                           bool has_untrusted, CheckRan& run, std::stop_token stop) const;

 private:
  class Place;  // one of the checks that run

  std::vector<std::string> changed_tests(const CleanCopy& copy) const;
  // Files that the check reads as its own, and of which no original is kept.
  std::vector<std::string> changed_left_out(const tools::Workspace& workspace) const;
  void build_anew(const CleanCopy& copy) const;
  sandbox::Profile profile(bool has_untrusted) const;
  // Calls `use` on a clean copy that `prepare` has completed: again, and at last without what is
  // shown through an overlay, where that has changed meanwhile or cannot be shown.
  void in_copy(const tools::Workspace& workspace,
               const std::function<void(const CleanCopy& copy)>& prepare,
               const std::function<void(const CleanCopy& copy)>& use) const;
  // Runs a shell text in a copy, which the command sees where the workspace is.
  sandbox::Outcome run_shell(const CleanCopy& copy, const tools::Workspace& workspace,
                             const std::string& text, const sandbox::Profile& profile,
                             std::stop_token stop) const;
  CheckRan run_in(const CleanCopy& copy, const tools::Workspace& workspace,
                  const std::string& purpose, const sandbox::Profile& profile,
                  std::stop_token stop) const;
  // What git ignores and the copy lacks.
  void name_left_out(const CleanCopy& copy, CheckRan& run) const;

  sandbox::Sandbox& sandbox_;
  CheckerOptions options_;
  const SnapshotStore& store_;
  Snapshot start_;
  std::shared_ptr<const IgnoredFiles> ignored_;
  mutable std::atomic<bool> has_overlay_ = true;  // until it turns out that there are none here
  mutable std::mutex running_mutex_;
  mutable std::condition_variable_any running_changed_;
  mutable int running_ = 0;
  std::set<std::string> programs_;  // files of the workspace that the command runs as its check
};

// True for files that checks read as tests or build instructions, by name: test_*.py, tests/,
// conftest.py, *_test.cc, Makefile, CMakeLists.txt, pyproject.toml, package.json, ...
bool is_test_or_build_file(std::string_view path);

// True for a file that Python or the shell would take for something of their own that `command`
// uses: in the workspace's root or in a folder that is no package (`is_package` tells), a module
// named like one of the standard library, like the argument of -m, or like a program of `command`.
bool stands_in(std::string_view path, std::string_view command,
               const std::function<bool(const std::string& folder)>& is_package);

}  // namespace corvid::runtime
