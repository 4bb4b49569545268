#include "runtime/verify.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <thread>

#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "tools/c_trace.h"
#include "tools/check_programs.h"
#include "tools/edit_candidates.h"
#include "tools/python_trace.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOutputBytesKept = 64 << 10;
constexpr size_t kLeftOutNamedMax = 20;
constexpr std::chrono::seconds kCollectTimeMax{30};  // to read what a traced check left

// A file of a snapshot against what is there now.
bool differs(const SnapshotStore& store, const SnapshotEntry& entry, const fs::path& path) {
  constexpr uint32_t kLink = 0120000, kExecutable = 0100755;
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return true;
  if (S_ISLNK(status.st_mode) != (entry.mode == kLink)) return true;
  if (S_ISLNK(status.st_mode)) return store.content(entry) != fs::read_symlink(path).string();
  if (!S_ISREG(status.st_mode)) return true;
  if (((status.st_mode & 0111) != 0) != (entry.mode == kExecutable)) return true;
  const std::string before = store.content(entry);
  return before.size() != size_t(status.st_size) || before != read_file(path);
}

// Whether two files, both too large for a snapshot, hold the same.
bool same_content(const fs::path& a, const fs::path& b) {
  std::ifstream one(a, std::ios::binary), two(b, std::ios::binary);
  std::vector<char> left(1 << 20), right(1 << 20);
  while (one && two) {
    one.read(left.data(), std::streamsize(left.size()));
    two.read(right.data(), std::streamsize(right.size()));
    if (one.gcount() != two.gcount()) return false;
    if (!std::equal(left.begin(), left.begin() + one.gcount(), right.begin())) return false;
  }
  return one.eof() && two.eof();
}

// Whether a file that the snapshot of the start left out is another one by now.
bool is_other(const FileStamp& start, const tools::Workspace& workspace, const std::string& path) {
  const fs::path original = workspace.shown_as() / path, copy = workspace.root() / path;
  struct stat status, copied;
  if (::lstat(original.c_str(), &status) != 0 || stamp_of(status) != start) return true;
  if (original == copy || ::access(original.c_str(), R_OK) != 0) return false;
  if (::lstat(copy.c_str(), &copied) != 0 || copied.st_size != status.st_size) return true;
  return !S_ISREG(copied.st_mode) || !same_content(original, copy);
}

// Modules that Python programs, and above all test runners, import by themselves.
constexpr std::string_view kModules =  // a space around each
    " _pytest abc argparse array ast asyncio atexit base64 bdb bisect bz2 calendar cmath cmd"
    " code codecs collections colorsys configparser contextlib contextvars copy copyreg coverage"
    " csv ctypes dataclasses datetime decimal difflib dis doctest email encodings enum errno"
    " faulthandler filecmp fnmatch fractions functools gc genericpath getopt getpass gettext"
    " glob graphlib gzip hashlib heapq hmac html http hypothesis importlib inspect io ipaddress"
    " itertools json keyword linecache locale logging lzma marshal math mimetypes mock"
    " multiprocessing nose nose2 ntpath numbers opcode operator optparse os pathlib pdb pickle"
    " pkgutil platform pluggy posixpath pprint profile pstats py pydoc pytest queue quopri"
    " random re reprlib runpy sched secrets select selectors shelve shlex shutil signal site"
    " sitecustomize socket socketserver sqlite3 sre_compile sre_parse ssl stat statistics string"
    " stringprep struct subprocess symtable sys sysconfig tarfile tempfile textwrap threading"
    " time timeit token tokenize tomllib trace traceback tracemalloc types typing unicodedata"
    " unittest urllib usercustomize uuid warnings weakref xml zipfile zipimport zlib zoneinfo"
    " ";

// The programs of a shell command and the arguments of -m: "cd a && python3 -m unittest" gives cd,
// python3, unittest. Quoted text is one word.
std::vector<std::string> programs_and_modules(std::string_view command) {
  std::vector<std::string> found;
  std::string word;
  bool is_program = true, is_module = false, has_word = false;
  char quote = '\0';
  const auto end_word = [&] {
    if (!has_word) return;
    const bool is_assignment = is_program && word.find('=') != std::string::npos;
    if ((is_program && !is_assignment) || is_module) found.push_back(word);
    if (!is_assignment && word != "env" && word != "exec" && word != "time") is_program = false;
    is_module = word == "-m";
    word.clear();
    has_word = false;
  };
  for (const char c : command) {
    if (quote != '\0') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      has_word = true;
    } else if (std::string_view(" \t\n;&|()").find(c) != std::string_view::npos) {
      end_word();
      if (c != ' ' && c != '\t') is_program = true, is_module = false;
    } else {
      word += c;
      has_word = true;
    }
  }
  end_word();
  return found;
}

bool ends_with_word(const std::string& stem, std::string_view word) {
  return stem.ends_with(word) && stem.size() > word.size();
}

// Takes PATH out of a profile's environment.
std::string take_path(sandbox::Profile& profile) {
  std::string path = "/usr/local/bin:/usr/bin:/bin";
  std::erase_if(profile.environment, [&](const std::string& variable) {
    if (!variable.starts_with("PATH=")) return false;
    path = variable.substr(5);
    return true;
  });
  return path;
}

}  // namespace

bool is_test_or_build_file(std::string_view path) {
  const fs::path file(path);
  const std::string name = file.filename().string();
  const std::string stem = file.stem().string();
  for (const fs::path& part : file.parent_path()) {
    static constexpr const char* kFolders[] = {
        "tests",    "test",         "testing",  "__tests__", "spec",    "specs",    "e2e",
        "t",        "testdata",     "test_data", "fixtures", "__fixtures__", "golden", "goldens",
        "expected", "__snapshots__", ".github", "cmake"};
    const auto is_same = [&](const char* known) { return ::strcasecmp(known, part.c_str()) == 0; };
    if (std::ranges::any_of(kFolders, is_same)) return true;
  }
  if (stem.starts_with("test_") || stem.ends_with("_test") || stem.ends_with("_tests") ||
      stem == "test" || stem == "tests" || stem.ends_with(".test") || stem.ends_with(".spec") ||
      stem.ends_with("_spec") || stem == "expected" || name.ends_with(".expected") ||
      name.ends_with(".golden") || name.ends_with(".snap") ||
      ends_with_word(stem, "Test") || ends_with_word(stem, "Tests") ||
      ends_with_word(stem, "Spec") || ends_with_word(stem, "Specs")) {
    return true;
  }
  static constexpr std::string_view kBuild[] = {"conftest.py",      "setup.py",
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
                                                "requirements.txt", "justfile",
                                                ".pytest.ini",      ".coveragerc",
                                                "build.gradle",     "settings.gradle",
                                                "pom.xml",          "Rakefile",
                                                "Gemfile",          ".rspec",
                                                ".bazelrc",         ".npmrc",
                                                "phpunit.xml",      "rust-toolchain.toml"};
  return std::find(std::begin(kBuild), std::end(kBuild), name) != std::end(kBuild) ||
         name.ends_with(".cmake") || name.ends_with(".mk") || name.starts_with("jest.config") ||
         name.starts_with("vitest.config") || name.starts_with(".mocharc") ||
         name.starts_with("babel.config") || path.find(".cargo/config") != std::string_view::npos;
}

bool stands_in(std::string_view path, std::string_view command,
               const std::function<bool(const std::string& folder)>& is_package) {
  const std::vector<std::string> used = programs_and_modules(command);
  const auto is_taken = [&](std::string_view name) {
    const std::string_view module = name.substr(0, name.find('.'));
    const std::string spaced = " " + std::string(module) + " ";
    if (!module.empty() && kModules.find(spaced) != std::string_view::npos) return true;
    return std::any_of(used.begin(), used.end(), [&](const std::string& word) {
      const fs::path file = fs::path(word).lexically_normal();
      return file == name || file.native().substr(0, file.native().find('.')) == module;
    });
  };
  const fs::path file(path);
  fs::path folder;
  for (const fs::path& part : file.parent_path()) {
    folder /= part;
    if (is_package(folder.string())) return is_taken(part.native());
  }
  static constexpr std::string_view kLoaded[] = {".py", ".pyc", ".so", ".pyd"};
  const std::string ending = file.extension().string();
  const bool is_loaded =
      std::find(std::begin(kLoaded), std::end(kLoaded), ending) != std::end(kLoaded);
  if ((is_loaded || folder.empty()) && is_taken(file.filename().native())) return true;
  // A program that is called by its path.
  return std::any_of(used.begin(), used.end(), [&](const std::string& word) {
    return fs::path(word).lexically_normal() == path;
  });
}

std::string left_out_text(const CheckRan& run) {
  if (run.left_out.empty()) return "";
  return "the check's copy lacks ignored files, too large for it, changed since the start or "
         "unreadable: " +
         join(run.left_out, ", ");
}

Checker::Checker(sandbox::Sandbox& sandbox, CheckerOptions options, const SnapshotStore& store,
                 Snapshot start, std::shared_ptr<const IgnoredFiles> ignored)
    : sandbox_(sandbox),
      options_(std::move(options)),
      store_(store),
      start_(std::move(start)),
      ignored_(std::move(ignored)) {
  if (options_.parallel_max <= 0) {
    options_.parallel_max = int(std::max(1u, std::thread::hardware_concurrency()));
  }
  const auto read = [this](const std::string& path) -> std::optional<std::string> {
    const auto file = start_.files.find(path);
    if (file == start_.files.end()) return std::nullopt;
    return store_.content(file->second);
  };
  std::vector<std::string> paths;
  for (const auto& [path, entry] : start_.files) paths.push_back(path);
  programs_ = tools::check_programs(options_.command, read, paths);
}

void Checker::in_copy(const tools::Workspace& workspace,
                      const std::function<void(const CleanCopy&)>& prepare,
                      const std::function<void(const CleanCopy&)>& use) const {
  for (int tries = 2;; --tries) {
    const bool shows_rest = tries > 0 && has_overlay_ && !ignored_->known_left_out().empty();
    CleanCopy copy(workspace, *ignored_, options_.scratch);
    prepare(copy);
    try {
      if (shows_rest) copy.show_rest(*ignored_);
      use(copy);
    } catch (const Error& error) {  // edge: not everywhere are there overlays
      if (!shows_rest || error.code() == Code::cancelled) throw;
      log::info("verify", "no overlay for the check's copy", {{"reason", error.what()}});
      if (error.code() != Code::timeout) has_overlay_ = false;
      continue;
    }
    if (copy.overlay() == nullptr || copy.overlay()->is_unchanged()) return;
  }
}

sandbox::Outcome Checker::run_shell(const CleanCopy& copy, const tools::Workspace& workspace,
                                    const std::string& text, const sandbox::Profile& base,
                                    std::stop_token stop) const {
  sandbox::Profile profile = base;
  profile.write_roots.push_back(workspace.shown_as());
  profile = show_at(std::move(profile), copy, workspace.shown_as());
  // Byte code of an earlier state must not stand in for the source that is checked.
  profile.environment.emplace_back("PYTHONDONTWRITEBYTECODE=1");
  sandbox::Command command;
  command.argv = {"/bin/sh", "-c", text};
  command.cwd = workspace.shown_as();
  const sandbox::Outcome outcome = sandbox_.run(command, profile, stop);
  if (outcome.cancelled) fail(Code::cancelled, "the check was cancelled");
  return outcome;
}

CheckRan Checker::run_in(const CleanCopy& copy, const tools::Workspace& workspace,
                         const std::string& purpose, const sandbox::Profile& base,
                         std::stop_token stop) const {
  const auto begin = std::chrono::steady_clock::now();
  const sandbox::Outcome outcome = run_shell(copy, workspace, options_.command, base, stop);
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
  name_left_out(copy, run);
  return run;
}

void Checker::name_left_out(const CleanCopy& copy, CheckRan& run) const {
  size_t more = 0;
  for (const std::string& path : ignored_->left_out()) {
    struct stat status;
    if (copy.overlay() != nullptr && copy.overlay()->shows(path)) continue;
    // Or git does not ignore it, it seems; a whiteout stands for nothing.
    const bool is_there = ::lstat((copy.root() / path).c_str(), &status) == 0;
    if (is_there && !S_ISCHR(status.st_mode)) continue;
    if (run.left_out.size() < kLeftOutNamedMax) run.left_out.push_back(path);
    else ++more;
  }
  if (more > 0) run.left_out.push_back("and " + std::to_string(more) + " more");
  const std::string text = left_out_text(run);
  if (run.exit_code != 0 && !text.empty()) run.output += "\n[" + text + "]";
}

std::vector<std::string> Checker::changed_tests(const CleanCopy& copy) const {
  std::vector<std::string> changed;
  for (const auto& [path, entry] : start_.files) {
    const bool is_check = is_test_or_build_file(path) || programs_.contains(path);
    const bool is_shown = copy.overlay() != nullptr && copy.overlay()->shows(path);
    if (is_check && !is_shown && differs(store_, entry, copy.root() / path)) {
      changed.push_back(path);
    }
  }
  const auto is_package = [&](const std::string& folder) {
    std::error_code error;
    return fs::is_regular_file(copy.root() / folder / "__init__.py", error);
  };
  const auto is_stand_in = [&](const std::string& path) {
    for (fs::path folder = fs::path(path).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      if (start_.files.contains((folder / "__init__.py").string())) return false;
    }
    return stands_in(path, options_.command, is_package);
  };
  for (const std::string& path : copy.kept()) {
    if (start_.files.contains(path)) continue;
    if (is_left_out(start_, path)) continue;
    if (is_test_or_build_file(path) || is_stand_in(path)) {
      changed.push_back(path);
    }
  }
  std::sort(changed.begin(), changed.end());
  return changed;
}

std::vector<std::string> Checker::changed_left_out(const tools::Workspace& workspace) const {
  std::vector<std::string> changed;
  for (const auto& [path, stamp] : start_.left_out_stamps) {
    const bool is_check = is_test_or_build_file(path) || programs_.contains(path);
    if (is_check && is_other(stamp, workspace, path)) changed.push_back(path);
  }
  return changed;
}

sandbox::Profile Checker::profile(bool has_untrusted) const {
  sandbox::Profile profile = options_.profile;
  profile.time_max = options_.time_max;
  if (has_untrusted) profile.allowed_hosts = options_.hosts_after_untrusted;
  return profile;
}

// More of them at a time would only take each other's time, of which a check has so much.
class Checker::Place {
 public:
  Place(const Checker& checker, std::stop_token stop) : checker_(checker) {
    std::unique_lock lock(checker.running_mutex_);
    const auto is_free = [&] { return checker.running_ < checker.options_.parallel_max; };
    if (!checker.running_changed_.wait(lock, stop, is_free)) fail(Code::cancelled, "cancelled");
    ++checker.running_;
  }
  ~Place() {
    {
      const std::scoped_lock guard(checker_.running_mutex_);
      --checker_.running_;
    }
    checker_.running_changed_.notify_one();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  const Checker& checker_;
};

CheckResult Checker::verify(const tools::Workspace& workspace, bool has_untrusted,
                            std::stop_token stop, std::chrono::milliseconds time_max) const {
  const Place place(*this, stop);
  CheckResult result;
  const std::vector<std::string> lost = changed_left_out(workspace);
  sandbox::Profile profile = this->profile(has_untrusted);
  profile.time_max = std::min(profile.time_max, time_max);
  in_copy(workspace, [](const CleanCopy&) {}, [&](const CleanCopy& copy) {
    for (const std::string& path : copy.left_out()) {
      log::warning("verify", "the check does without a file that cannot be read",
                   {{"path", path}});
    }
    result.changed_tests = changed_tests(copy);
    result.changed_tests.insert(result.changed_tests.end(), lost.begin(), lost.end());
    std::sort(result.changed_tests.begin(), result.changed_tests.end());
    result.run = run_in(copy, workspace, "verify", profile, stop);
  });
  if (result.run.exit_code != 0) {
    if (profile.allowed_hosts != options_.profile.allowed_hosts) {
      result.run.output += "\n[this run has read text from the web: its check reaches only hosts "
                           "that the rules allow afterwards]";
    }
    return result;
  }
  if (result.changed_tests.empty()) {
    result.status = CheckStatus::verified;
    return result;
  }
  if (!lost.empty()) {
    result.status = CheckStatus::unverified;
    return result;
  }
  const auto put_originals = [&](const CleanCopy& copy) {
    Snapshot originals;
    for (const std::string& path : result.changed_tests) {
      clear_way(copy.root(), path);
      const auto found = start_.files.find(path);
      if (found != start_.files.end()) originals.files.insert(*found);
    }
    store_.write_to(originals, copy.root());
  };
  in_copy(workspace, put_originals, [&](const CleanCopy& copy) {
    result.originals = run_in(copy, workspace, "originals", profile, stop);
  });
  result.status =
      result.originals->exit_code == 0 ? CheckStatus::verified : CheckStatus::unverified;
  return result;
}

// What an earlier check built is built again by the traced one, with its compilers.
void Checker::build_anew(const CleanCopy& copy) const {
  for (const std::string& path : copy.kept()) {
    const fs::path file = copy.root() / path;
    std::error_code error;
    // What a link means may lie outside of the copy.
    if (!fs::is_regular_file(fs::symlink_status(file, error))) continue;
    const bool is_made = !start_.files.contains(path) && file.filename() == "CMakeCache.txt";
    if (is_made) fs::remove(file, error);
    if (tools::has_edits(path)) {
      fs::last_write_time(file, fs::file_time_type::clock::now(), error);
    }
  }
}

tools::Evidence Checker::evidence(const tools::Workspace& workspace, const std::string& task,
                                  bool has_untrusted, CheckRan& run, std::stop_token stop) const {
  tools::Evidence evidence;
  const ScratchFolder trace_folder("corvid-trace", options_.scratch);
  const tools::PythonTrace trace =
      tools::prepare_trace(trace_folder.path(), workspace.shown_as());
  sandbox::Profile profile = this->profile(has_untrusted);
  for (const sandbox::Mount& mount : trace.mounts) profile.mounts.push_back(mount);
  for (const std::string& variable : trace.environment) profile.environment.push_back(variable);
  const tools::CTrace c_trace = tools::prepare_c_trace(trace_folder.path(), take_path(profile));
  for (const sandbox::Mount& mount : c_trace.mounts) profile.mounts.push_back(mount);
  for (const std::string& each : c_trace.environment) profile.environment.push_back(each);
  const auto build = [this](const CleanCopy& copy) { build_anew(copy); };
  in_copy(workspace, build, [&](const CleanCopy& copy) {
    run = run_in(copy, workspace, "trace", profile, stop);
    evidence = tools::read_evidence(trace, run.output, run.exit_code, workspace);
    if (!tools::has_c_results(c_trace)) return;
    sandbox::Profile collecting = profile;
    collecting.time_max = std::min<std::chrono::milliseconds>(options_.time_max, kCollectTimeMax);
    run_shell(copy, workspace, c_trace.collect, collecting, stop);
    tools::add_c_evidence(c_trace, run.exit_code, workspace, evidence);
  });
  for (std::vector<tools::Frame>& traceback : evidence.tracebacks) {
    std::erase_if(traceback,
                  [this](const auto& frame) { return programs_.contains(frame.path); });
  }
  tools::find_mentions(task, workspace, evidence);
  return evidence;
}

}  // namespace corvid::runtime
