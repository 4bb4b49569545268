// The rules of the house as a test: who may include whom, sizes, and that every plug-in file has its
// table line and the reverse. An entry in an allow-list is a sentence with a reason.

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = CORVID_SOURCE_DIR;
const std::vector<std::string> kModules = {"runtime", "engine",  "memory",
                                           "tools",   "sandbox", "policies"};

struct Source {
  std::string path;  // from the project's root
  std::vector<std::string> lines;
};

std::vector<Source> sources(const std::vector<std::string>& folders) {
  std::vector<Source> found;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
      const std::string extension = entry.path().extension().string();
      if (!entry.is_regular_file() || (extension != ".cc" && extension != ".h")) continue;
      Source source{fs::relative(entry.path(), kRoot).string(), {}};
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) source.lines.push_back(line);
      found.push_back(std::move(source));
    }
  }
  return found;
}

std::string module_of(const std::string& path) { return path.substr(0, path.find('/')); }

bool is_root_header(const std::string& path) { return path.find('/') == path.rfind('/'); }

// style: a module may include the root headers of the modules listed for it.
const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"engine", {}},
    {"memory", {}},
    {"sandbox", {}},
    {"policies", {"sandbox"}},
    {"tools", {"sandbox", "policies", "memory"}},
    {"runtime", {"engine", "memory", "sandbox", "policies", "tools"}},
};

bool include_is_allowed(const std::string& from, const std::string& target) {
  const std::string own = module_of(from), other = module_of(target);
  if (target.starts_with("runtime/base/")) return true;
  if (from.starts_with("runtime/base/")) return false;
  if (!kMayInclude.contains(other)) return true;  // not ours
  if (own == other) {
    // The jail is a program of its own: it shares nothing but the description that it is given.
    return true;
  }
  return kMayInclude.at(own).contains(other) && is_root_header(target);
}

// Functions over 70 lines, each with its reason.
const std::map<std::string, std::string> kLongFunctions = {
    {"runtime/base/text.cc sha256_hex", "the constants of FIPS 180-4 are a third of it"},
    {"runtime/cli/model.cc add_model", "a list of options, one statement each"},
    {"runtime/edit_scorer.cc score", "layout, one prefill, reading off: each uses the one before"},
};

const std::set<std::string> kMayCatch = {
    "runtime/main.cc",              // turns errors into exit codes
    "runtime/agent_loop.cc",        // a tool's exception becomes an answer for the model
    "runtime/attempts.cc",          // one attempt's failure is its outcome; worker threads
    "runtime/recollect.cc",         // a run goes on without its memory
    "runtime/task_run.cc",          // a run's failure is its result
    "runtime/session.cc",           // names the damaged line
    "runtime/cli/arguments.cc",     // CLI11's exceptions become exit codes
    "runtime/cli/run.cc",           // a failure before the session is a result for programs, too
    "runtime/cli/doctor.cc",        // a failure is a finding
    "memory/manage/import_turns.cc",  // adds file and line to what is wrong with it
    "runtime/model_profile.cc",     // nlohmann's exceptions become ours
    "runtime/base/json.cc",         // nlohmann's exceptions become ours
    "runtime/providers/embedded.cc",  // a state file is a cache: what cannot be used is made anew
};

// Abstract classes: the eight of the design.
const std::set<std::string> kMayDeclareVirtual = {
    "engine/models/model.h", "engine/backends/ops.h", "runtime/provider.h", "tools/tool.h",
    "policies/policy.h",     "sandbox/sandbox.h",     "memory/store.h",     "memory/vector_index.h"};

// What stands in `line` between `before`, with which it begins, and the next `after`.
std::optional<std::string> between(std::string_view line, std::string_view before,
                                   std::string_view after) {
  if (!line.starts_with(before)) return std::nullopt;
  const size_t end = line.find_first_of(after, before.size());
  if (end == line.npos || end == before.size()) return std::nullopt;
  return std::string(line.substr(before.size(), end - before.size()));
}

bool is_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '~';
}

// The first name that a parenthesis follows; "": none.
std::string called_name(std::string_view line) {
  for (size_t end = line.find('('); end != line.npos; end = line.find('(', end + 1)) {
    size_t begin = end;
    while (begin > 0 && is_in_name(line[begin - 1])) --begin;
    if (begin < end) return std::string(line.substr(begin, end - begin));
  }
  return "";
}

bool prints(std::string_view line) {
  for (size_t at = line.find("printf("); at != line.npos; at = line.find("printf(", at + 1)) {
    if (at == 0 || !is_in_name(line[at - 1])) return true;
  }
  return line.find("std::cout") != line.npos || line.find("std::cerr") != line.npos;
}

std::string joined(const std::vector<std::string>& problems) {
  std::string text;
  for (const std::string& problem : problems) text += problem + "\n";
  return text;
}

}  // namespace

TEST_CASE("includes go one way, and only to root headers of other modules") {
  std::vector<std::string> problems;
  for (const Source& source : sources(kModules)) {
    for (const std::string& line : source.lines) {
      if (line.starts_with("#include <CLI/") && source.path != "runtime/cli/arguments.cc") {
        problems.push_back(source.path + ": only runtime/cli/arguments.cc reads CLI11");
      }
      const auto target = between(line, "#include \"", "\"");
      if (!target) continue;
      if (!fs::exists(kRoot / *target)) {
        problems.push_back(source.path + ": not a path from the project's root: " + *target);
      } else if (!include_is_allowed(source.path, *target)) {
        problems.push_back(source.path + " must not include " + *target);
      }
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("lines, files and functions stay small") {
  std::vector<std::string> problems;
  for (const Source& source : sources({"runtime", "engine", "memory", "tools", "sandbox", "policies",
                                       "tests", "examples"})) {
    if (source.path.find("/sample/") != std::string::npos) continue;
    const bool is_product = !source.path.starts_with("tests/");
    if (is_product && source.lines.size() > 600) {
      problems.push_back(source.path + ": over 600 lines");
    }
    size_t start = 0;
    std::string function;
    for (size_t i = 0; i < source.lines.size(); ++i) {
      const std::string& line = source.lines[i];
      size_t columns = 0;
      for (const char c : line) columns += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
      if (is_product && columns > 100) {
        problems.push_back(source.path + ":" + std::to_string(i + 1) + ": over 100 columns");
      }
      // A definition starts in column 0 (or 2, in a class) and its body's brace closes there.
      const bool may_begin = !line.empty() && line[0] != ' ' && line[0] != '}' && line[0] != '#';
      if (const std::string name = may_begin ? called_name(line) : ""; !name.empty()) {
        start = i;
        function = name;
      }
      const bool closes = line == "}" || line.starts_with("} catch");
      if (is_product && closes && !function.empty()) {
        if (i - start > 71 && !kLongFunctions.contains(source.path + " " + function)) {
          problems.push_back(source.path + ": " + function + " has " + std::to_string(i - start + 1) +
                             " lines");
        }
        function.clear();
      }
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("exceptions are caught, and classes are abstract, at named places only") {
  std::vector<std::string> problems;
  for (const Source& source : sources(kModules)) {
    for (const std::string& line : source.lines) {
      const bool is_comment = line.find("//") != std::string::npos &&
                              line.find("//") < line.find("catch (");
      if (line.find("catch (") != std::string::npos && !is_comment &&
          !kMayCatch.contains(source.path) && line.find("// edge") == std::string::npos) {
        problems.push_back(source.path + ": catch: " + line);
      }
      const size_t first = line.find_first_not_of(' ');
      if (first != line.npos && first > 0 && line.substr(first).starts_with("virtual ") &&
          !kMayDeclareVirtual.contains(source.path)) {
        problems.push_back(source.path + ": virtual: " + line);
      }
      const bool may_print = source.path == "runtime/main.cc" ||
                             source.path.starts_with("runtime/cli/") ||
                             source.path.starts_with("sandbox/jail/") ||
                             source.path == "runtime/base/check.cc";
      if (!may_print && prints(line)) {
        problems.push_back(source.path + ": prints: " + line);
      }
      if (line.find("FIX" "ME") != std::string::npos) problems.push_back(source.path + ": " + line);
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("every plug-in file has its table line, and the reverse") {
  std::vector<std::string> problems;
  for (const std::string& module : kModules) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / module)) {
      if (entry.path().extension() != ".inc") continue;
      const fs::path folder = entry.path().parent_path();
      if (entry.path().stem() != folder.filename() || !fs::exists(folder / "registry.cc")) continue;
      std::set<std::string> listed, present;
      std::ifstream file(entry.path());
      for (std::string line; std::getline(file, line);) {
        if (const auto name = between(line, "X(", ",)")) listed.insert(*name);
      }
      for (const auto& item : fs::directory_iterator(folder)) {
        const std::string stem = item.path().stem().string();
        if (item.path().extension() == ".cc" && stem != "registry") present.insert(stem);
      }
      const std::string where = fs::relative(entry.path(), kRoot).string();
      for (const std::string& name : listed) {
        if (!present.contains(name)) problems.push_back(where + ": no file for " + name);
      }
      for (const std::string& name : present) {
        if (!listed.contains(name)) problems.push_back(where + ": no line for " + name + ".cc");
      }
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("every golden file is named in a test") {
  std::string all;
  for (const Source& source : sources({"tests"})) {
    for (const std::string& line : source.lines) all += line + "\n";
  }
  std::vector<std::string> problems;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests" / "golden")) {
    if (all.find(entry.path().filename().string()) == std::string::npos) {
      problems.push_back(fs::relative(entry.path(), kRoot).string());
    }
  }
  INFO(joined(problems));
  CHECK(problems.empty());
}

TEST_CASE("only known kinds of files are in the tree, and the top level is fixed") {
  const std::set<std::string> top = {"CMakeLists.txt", "runtime",  "engine",  "memory",
                                     "tools",          "sandbox",  "policies", "tests",
                                     "examples",       "README.md", "CMakePresets.json", "LICENSE"};
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename().string();
    INFO(name);
    CHECK((name[0] == '.' || name == "build" || top.contains(name)));
  }
  const std::set<std::string> kinds = {".cc", ".h", ".inc", ".sql", ".py"};
  for (const std::string& module : kModules) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / module)) {
      if (!entry.is_regular_file() || entry.path() == kRoot / module / "README.md") continue;
      INFO(entry.path());
      CHECK(kinds.contains(entry.path().extension().string()));
    }
  }
}
