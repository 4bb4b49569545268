#include "tools/c_trace.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/support/beneath.h"
#include "tools/support/c_tracer_text.h"

namespace corvid::tools {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kResultBytesMax = 24 << 20;
constexpr size_t kProcessesMax = 200;
constexpr size_t kTracebacksMax = 40;
constexpr size_t kFramesMax = 40;
constexpr int kLineMax = 10'000'000;
constexpr const char* kCompilers[] = {"cc", "c89", "c99", "gcc", "c++", "g++", "gcc-12", "g++-12"};

using Lines = std::map<int, bool>;  // line -> executed

struct Process {
  bool failed = false;
  std::map<std::string, Lines> files;
};

std::string read_result(const fs::path& folder, const std::string& name) {
  const ReadResult file = read_beneath(folder, name, kResultBytesMax);
  return file.outcome == ReadOutcome::ok ? file.content : "";
}

int64_t number_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

const Json& list_of(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kNone;
}

class Reader {
 public:
  Reader(const fs::path& results, const Workspace& workspace)
      : results_(results), workspace_(workspace) {
    for (std::string& file : workspace.files()) known_.insert(std::move(file));
  }

  // Numbers of the processes that left a status, in the order of their names.
  std::vector<std::string> processes() const {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator it(results_, error), end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (name.ends_with(".status")) names.push_back(name.substr(0, name.size() - 7));
    }
    std::ranges::sort(names);
    if (names.size() > kProcessesMax) names.resize(kProcessesMax);
    return names;
  }

  Process read(const std::string& name) const {
    Process process;
    const std::string status = read_result(results_, name + ".status");
    for (const std::string_view line : split_lines(status)) {
      if (!line.empty() && line != "exit 0") process.failed = true;
    }
    const std::string text = read_result(results_, name + ".lines");
    for (const std::string_view line : split_lines(text)) {
      // Without exceptions: a damaged line is as good as none.
      const Json object = try_parse_json(line);
      if (!object.is_object()) continue;
      const std::string folder = json_string_or(object, "current_working_directory", "");
      for (const Json& file : list_of(object, "files")) add_file(file, folder, process);
    }
    return process;
  }

  std::vector<Frame> frames(const std::string& name) const {
    std::vector<Frame> out;
    const std::string text = read_result(results_, name + ".frames");
    std::string_view function;
    bool is_place = false;
    for (const std::string_view line : split_lines(text)) {
      if (is_place) {
        const size_t colon = line.rfind(':');
        int number = 0;
        if (colon != std::string_view::npos) {
          std::from_chars(line.data() + colon + 1, line.data() + line.size(), number);
        }
        const std::string path = path_of(std::string(line.substr(0, colon)), "");
        if (!path.empty() && number > 0 && out.size() < kFramesMax) {
          out.push_back({path, number, std::string(function)});
        }
      }
      function = line;
      is_place = !is_place;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  // Relative to the workspace; empty where it is no file of it.
  std::string path_of(const std::string& file, const std::string& folder) const {
    const fs::path whole = fs::path(folder) / file;
    const std::string text = whole.lexically_normal().string();
    for (const fs::path* top : {&workspace_.shown_as(), &workspace_.root()}) {
      const std::string prefix = top->string() + "/";
      if (!text.starts_with(prefix)) continue;
      std::string path = text.substr(prefix.size());
      if (known_.contains(path)) return path;
    }
    return known_.contains(text) ? text : "";
  }

  void add_file(const Json& file, const std::string& folder, Process& process) const {
    if (!file.is_object()) return;
    const std::string path = path_of(json_string_or(file, "file", ""), folder);
    if (path.empty()) return;
    Lines& lines = process.files[path];
    for (const Json& line : list_of(file, "lines")) {
      const int64_t number = number_of(line, "line_number");
      if (number < 1 || number > kLineMax) continue;
      bool& executed = lines[static_cast<int>(number)];
      executed = executed || number_of(line, "count") > 0;
    }
    // A line of a function that has no code of its own goes with the one above it.
    for (const Json& function : list_of(file, "functions")) {
      const int64_t first = number_of(function, "start_line"),
                    last = number_of(function, "end_line");
      if (first < 1 || last > kLineMax || last - first > 5000) continue;
      bool executed = number_of(function, "execution_count") > 0;
      for (int64_t number = first; number <= last; ++number) {
        const auto [entry, is_new] = lines.try_emplace(static_cast<int>(number), executed);
        if (!is_new) executed = entry->second;
      }
    }
  }

  const fs::path& results_;
  const Workspace& workspace_;
  std::set<std::string> known_;
};

bool is_on_path(std::string_view path, const char* program) {
  std::error_code error;
  while (!path.empty()) {
    const size_t end = std::min(path.find(':'), path.size());
    if (end > 0 && fs::exists(fs::path(path.substr(0, end)) / program, error)) return true;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return false;
}

bool ran_any(const Process& process) {
  for (const auto& [path, lines] : process.files) {
    if (std::ranges::any_of(lines, [](const auto& line) { return line.second; })) return true;
  }
  return false;
}

}  // namespace

CTrace prepare_c_trace(const fs::path& folder, const std::string& path) {
  const fs::path programs = folder / "c";
  CTrace trace;
  trace.results = folder / "c-results";
  std::error_code error;
  for (const fs::path& each : {programs, trace.results}) {
    fs::create_directory(each, error);
    if (error) fail(Code::io, "cannot make the folder " + each.string() + ": " + error.message());
  }
  const auto write_program = [&](const std::string& name, std::string_view text) {
    write_file_atomic(programs / name, std::string(text));
    fs::permissions(programs / name, fs::perms(0755), error);
    if (error) fail(Code::io, "cannot make a program of " + name + ": " + error.message());
  };
  write_file_atomic(programs / "recorder.c", std::string(recorder_text()));
  write_program("collect", collector_text());
  for (const char* compiler : kCompilers) {
    if (is_on_path(path, compiler)) write_program(compiler, compiler_text());
  }
  trace.mounts = {{programs, programs, false}, {trace.results, trace.results, true}};
  trace.environment = {"PATH=" + programs.string() + ":" + path, "CORVID_C_PATH=" + path,
                       "CORVID_C_OUT=" + trace.results.string()};
  trace.collect = (programs / "collect").string();
  return trace;
}

bool has_c_results(const CTrace& trace) {
  std::error_code error;
  for (fs::directory_iterator it(trace.results, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_directory(error)) return true;
  }
  return false;
}

void add_c_evidence(const CTrace& trace, int exit_code, const Workspace& workspace,
                    Evidence& evidence) {
  const Reader reader(trace.results, workspace);
  std::vector<Process> processes;
  for (const std::string& name : reader.processes()) {
    Process process = reader.read(name);
    if (!ran_any(process)) continue;
    process.failed = process.failed && exit_code != 0;
    std::vector<Frame> frames = process.failed ? reader.frames(name) : std::vector<Frame>();
    if (!frames.empty() && evidence.tracebacks.size() < kTracebacksMax) {
      evidence.tracebacks.push_back(std::move(frames));
    }
    processes.push_back(std::move(process));
  }
  const bool none_failed = std::ranges::none_of(processes, &Process::failed);
  if (none_failed && exit_code != 0) {
    Process all;
    all.failed = true;
    for (Process& process : processes) {
      for (auto& [path, lines] : process.files) {
        for (const auto& [line, executed] : lines) all.files[path][line] |= executed;
      }
    }
    const bool is_any = !processes.empty();
    processes.clear();
    if (is_any) processes.push_back(std::move(all));
  }
  for (const Process& process : processes) {
    ++(process.failed ? evidence.failing_test_count : evidence.passing_test_count);
    for (const auto& [path, lines] : process.files) {
      for (const auto& [line, executed] : lines) {
        if (!executed) continue;
        LineHits& hits = evidence.executed[path][line];
        ++(process.failed ? hits.failing_tests : hits.passing_tests);
      }
    }
  }
}

}  // namespace corvid::tools
