#include "tools/python_trace.h"

#include <algorithm>
#include <array>
#include <set>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tools/support/beneath.h"
#include "tools/support/tracer_text.h"

namespace corvid::tools {
namespace {

constexpr int kResultsMax = 64;
constexpr int64_t kResultBytesMax = 24 << 20;
constexpr size_t kTracebacksMax = 200;
constexpr size_t kFramesMax = 100;
constexpr int kLineMax = 10'000'000;
constexpr int kTestsMax = 1'000'000;

const Json& member(const Json& object, const char* key) {
  static const Json kNothing;
  const auto found = object.find(key);
  return found == object.end() ? kNothing : *found;
}

// An integer within [0, max]; anything else is 0.
int number(const Json& value, int max) {
  if (!value.is_number_integer()) return 0;
  const auto wide = value.get<int64_t>();
  return wide < 0 || wide > max ? 0 : int(wide);
}

std::string text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

// The JSON objects in the folder of results, in the order of their names.
std::vector<Json> load_results(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.ends_with(".json")) names.push_back(name);
    if (int(names.size()) == kResultsMax) break;
  }
  std::ranges::sort(names);
  std::vector<Json> results;
  for (const std::string& name : names) {
    const ReadResult file = read_beneath(folder, name, kResultBytesMax);
    if (file.outcome != ReadOutcome::ok) continue;
    // Without exceptions: a damaged file is as good as none.
    Json json = try_parse_json(file.content);
    if (json.is_object() && number(member(json, "version"), 1) == 1) {
      results.push_back(std::move(json));
    }
  }
  return results;
}

// Merges what several processes wrote.
class Merger {
 public:
  Merger(const Workspace& workspace, int exit_code) : exit_code_(exit_code) {
    for (std::string& file : workspace.files()) known_.insert(std::move(file));
  }

  void merge(const std::vector<Json>& results, Evidence& out) {
    std::set<std::string> failing_names;
    for (const Json& result : results) {
      for (const Json& name : member(result, "failing_names")) failing_names.insert(text(name));
      add_tests(result, out);
    }
    const bool has_tests = out.failing_test_count + out.passing_test_count > 0;
    if (!has_tests && !results.empty()) ++(exit_code_ == 0 ? out.passing_test_count
                                                           : out.failing_test_count);
    for (const Json& result : results) {
      const std::string parent = text(member(result, "inherited"));
      if (parent.empty() || !has_tests) {
        add_outside(result, out.failing_test_count, out.passing_test_count, out);
      } else {
        const bool failed = failing_names.contains(parent);
        add_outside(result, failed ? 1 : 0, failed ? 0 : 1, out);
      }
    }
    for (auto& [path, lines] : out.executed) {
      for (auto& [line, hits] : lines) {
        hits.failing_tests = std::min(hits.failing_tests, out.failing_test_count);
        hits.passing_tests = std::min(hits.passing_tests, out.passing_test_count);
      }
    }
  }

 private:
  // The path of file `index`; empty when it is not of the workspace.
  std::string path_of(const Json& result, size_t index) const {
    const Json& files = member(result, "files");
    if (!files.is_array() || index >= files.size()) return "";
    std::string path = text(files[index]);
    return known_.contains(path) ? path : "";
  }

  std::string path_of(const Json& result, const std::string& index) const {
    const bool is_number = !index.empty() && index.size() < 8 &&
                           index.find_first_not_of("0123456789") == std::string::npos;
    return is_number ? path_of(result, size_t(std::stoi(index))) : "";
  }

  std::vector<Frame> frames_of(const Json& result, const Json& list) const {
    std::vector<Frame> frames;
    for (const Json& item : list) {
      if (!item.is_array() || item.size() != 3 || frames.size() == kFramesMax) continue;
      const std::string path = path_of(result, size_t(number(item[0], kLineMax)));
      const int line = number(item[1], kLineMax);
      if (!path.empty() && line > 0) frames.push_back({path, line, text(item[2])});
    }
    return frames;
  }

  void add_tests(const Json& result, Evidence& out) const {
    const auto add = [](int& total, int count) { total = std::min(total + count, kTestsMax); };
    add(out.failing_test_count, number(member(result, "failing"), kTestsMax));
    add(out.passing_test_count, number(member(result, "passing"), kTestsMax));
    const Json& files = member(result, "lines");
    for (auto file = files.begin(); files.is_object() && file != files.end(); ++file) {
      const std::string path = path_of(result, file.key());
      const Json& flat = file.value();
      if (path.empty() || !flat.is_array()) continue;
      for (size_t i = 0; i + 2 < flat.size(); i += 3) {
        const int line = number(flat[i], kLineMax);
        if (line == 0) continue;
        LineHits& hits = out.executed[path][line];
        add(hits.failing_tests, number(flat[i + 1], kTestsMax));
        add(hits.passing_tests, number(flat[i + 2], kTestsMax));
      }
    }
    for (const Json& traceback : member(result, "tracebacks")) {
      std::vector<Frame> frames = frames_of(result, traceback);
      if (!frames.empty() && out.tracebacks.size() < kTracebacksMax) {
        out.tracebacks.push_back(std::move(frames));
      }
    }
    // A test that was running when the process was ended is one that failed.
    const Json& running = member(result, "running");
    if (!running.is_object() || exit_code_ == 0) return;
    std::vector<Frame> frames = frames_of(result, member(running, "frames"));
    add(out.failing_test_count, 1);
    for (const Frame& frame : frames) ++out.executed[frame.path][frame.line].failing_tests;
    if (!frames.empty()) out.tracebacks.push_back(std::move(frames));
  }

  void add_outside(const Json& result, int failing, int passing, Evidence& out) const {
    const Json& files = member(result, "outside");
    for (auto file = files.begin(); files.is_object() && file != files.end(); ++file) {
      const std::string path = path_of(result, file.key());
      if (path.empty() || !file.value().is_array()) continue;
      for (const Json& item : file.value()) {
        const int line = number(item, kLineMax);
        if (line == 0) continue;
        out.executed[path][line].failing_tests += failing;
        out.executed[path][line].passing_tests += passing;
      }
    }
  }

  std::set<std::string> known_;
  int exit_code_ = 0;
};

}  // namespace

PythonTrace prepare_trace(const std::filesystem::path& folder,
                          const std::filesystem::path& workspace_shown_as,
                          const std::string& python_path, int seconds_max) {
  const std::filesystem::path modules = folder / "modules";
  PythonTrace trace;
  trace.results = folder / "results";
  std::error_code error;
  for (const std::filesystem::path& path : {modules, trace.results}) {
    std::filesystem::create_directory(path, error);
    if (error) fail(Code::io, "cannot make the folder " + path.string() + ": " + error.message());
  }
  write_file_atomic(modules / "sitecustomize.py", sitecustomize_text());
  write_file_atomic(modules / "_corvid_trace.py",
                    std::string(tracer_core_text()) + std::string(tracer_hooks_text()));
  trace.mounts = {{modules, modules, false}, {trace.results, trace.results, true}};
  trace.environment = {
      "PYTHONPATH=" + modules.string() + (python_path.empty() ? "" : ":" + python_path),
      "CORVID_TRACE_ROOT=" + workspace_shown_as.string(),
      "CORVID_TRACE_OUT=" + trace.results.string(),
      "CORVID_TRACE_SECONDS=" + std::to_string(seconds_max)};
  return trace;
}

Evidence read_evidence(const PythonTrace& trace, std::string_view output, int exit_code,
                       const Workspace& workspace) {
  Evidence evidence;
  evidence.check_ran = true;
  evidence.check_passed = exit_code == 0;
  evidence.output = std::string(output);
  Merger(workspace, exit_code).merge(load_results(trace.results), evidence);
  if (evidence.tracebacks.empty() && exit_code != 0) {
    evidence.tracebacks = find_tracebacks(output, workspace);
  }
  return evidence;
}

}  // namespace corvid::tools
