#include "runtime/verify.h"

#include <algorithm>
#include <array>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "tools/python_trace.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOutputBytesKept = 64 << 10;

// A file's blob in a snapshot against its content now.
bool differs(const SnapshotStore& store, const SnapshotEntry& entry, const fs::path& path) {
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(path, error))) {
    return store.content(entry) != fs::read_symlink(path).string();
  }
  if (!fs::is_regular_file(path, error)) return true;
  return store.content(entry) != read_file(path);
}

}  // namespace

bool is_test_or_build_file(std::string_view path) {
  const fs::path file(path);
  const std::string name = file.filename().string();
  const std::string stem = file.stem().string();
  for (const fs::path& part : file.parent_path()) {
    const std::string folder = part.string();
    if (folder == "tests" || folder == "test" || folder == "testing" || folder == "__tests__" ||
        folder == "spec" || folder == ".github" || folder == "cmake") {
      return true;
    }
  }
  if (stem.starts_with("test_") || stem.ends_with("_test") || stem.ends_with("_tests") ||
      stem == "test" || stem == "tests" || stem.ends_with(".test") || stem.ends_with(".spec") ||
      stem.ends_with("_spec") || (stem.ends_with("Test") && stem.size() > 4)) {
    return true;
  }
  static constexpr std::array<std::string_view, 30> kBuild = {
      "conftest.py",      "setup.py",
      "setup.cfg",        "pyproject.toml",
      "tox.ini",          "pytest.ini",
      "noxfile.py",       "Makefile",
      "makefile",         "GNUmakefile",
      "CMakeLists.txt",   "CMakePresets.json",
      "meson.build",      "BUILD",
      "BUILD.bazel",      "WORKSPACE",
      "package.json",     "package-lock.json",
      "tsconfig.json",    "Cargo.toml",
      "Cargo.lock",       "build.rs",
      "go.mod",           "go.sum",
      "configure",        "configure.ac",
      "sitecustomize.py", "usercustomize.py",
      "requirements.txt", "justfile"};
  return std::find(kBuild.begin(), kBuild.end(), name) != kBuild.end() ||
         name.ends_with(".cmake") || name.ends_with(".mk") || name.starts_with("jest.config") ||
         name.starts_with("vitest.config");
}

Checker::Checker(sandbox::Sandbox& sandbox, CheckerOptions options, const SnapshotStore& store,
                 Snapshot start, std::shared_ptr<const IgnoredFiles> ignored)
    : sandbox_(sandbox),
      options_(std::move(options)),
      store_(store),
      start_(std::move(start)),
      ignored_(std::move(ignored)) {}

CheckRan Checker::run_in(const fs::path& root, const tools::Workspace& workspace,
                         const std::string& purpose, const sandbox::Profile& base,
                         std::stop_token stop) const {
  sandbox::Profile profile = base;
  profile.time_max = options_.time_max;
  profile.write_roots.push_back(workspace.shown_as());
  profile = show_at(std::move(profile), root, workspace.shown_as());
  // Byte code of an earlier state must not stand in for the source that is checked.
  profile.environment.push_back("PYTHONDONTWRITEBYTECODE=1");
  sandbox::Command command;
  command.argv = {"/bin/sh", "-c", options_.command};
  command.cwd = workspace.shown_as();
  const auto begin = std::chrono::steady_clock::now();
  const sandbox::Outcome outcome = sandbox_.run(command, profile, stop);
  if (outcome.cancelled) fail(Code::cancelled, "the check was cancelled");
  CheckRan run;
  run.purpose = purpose;
  run.command = options_.command;
  run.exit_code = outcome.exit_code;
  run.timed_out = outcome.timed_out;
  if (outcome.timed_out && run.exit_code == 0) run.exit_code = 124;
  run.output = head_and_tail(to_utf8(outcome.output), kOutputBytesKept);
  run.ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                 begin)
               .count();
  return run;
}

CheckResult Checker::verify(const tools::Workspace& workspace, std::stop_token stop) const {
  CheckResult result;
  const CleanCopy copy(workspace, *ignored_);
  for (const auto& [path, entry] : start_.files) {
    if (is_test_or_build_file(path) && differs(store_, entry, copy.root() / path)) {
      result.changed_tests.push_back(path);
    }
  }
  result.run = run_in(copy.root(), workspace, "verify", options_.profile, stop);
  if (result.run.exit_code != 0) return result;
  if (result.changed_tests.empty()) {
    result.status = CheckStatus::verified;
    return result;
  }
  const CleanCopy original(workspace, *ignored_);
  Snapshot tests;
  for (const std::string& path : result.changed_tests) tests.files[path] = start_.files.at(path);
  store_.write_to(tests, original.root());
  const CheckRan second = run_in(original.root(), workspace, "originals", options_.profile, stop);
  result.status = second.exit_code == 0 ? CheckStatus::verified : CheckStatus::unverified;
  return result;
}

tools::Evidence Checker::evidence(const tools::Workspace& workspace, const std::string& task,
                                  CheckRan& run, std::stop_token stop) const {
  tools::Evidence evidence;
  if (!options_.command.empty()) {
    const CleanCopy copy(workspace, *ignored_);
    const TempDir trace_folder("corvid-trace");
    const tools::PythonTrace trace =
        tools::prepare_trace(trace_folder.path(), workspace.shown_as());
    sandbox::Profile profile = options_.profile;
    for (const sandbox::Mount& mount : trace.mounts) profile.mounts.push_back(mount);
    for (const std::string& variable : trace.environment) profile.environment.push_back(variable);
    run = run_in(copy.root(), workspace, "trace", profile, stop);
    evidence = tools::read_evidence(trace, run.output, run.exit_code, workspace);
  }
  tools::find_mentions(task, workspace, evidence);
  return evidence;
}

}  // namespace corvid::runtime
