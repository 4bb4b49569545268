#include "tools/check_programs.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "policies/shell_words.h"
#include "runtime/base/text.h"
#include "tools/support/recipes.h"
#include "tools/support/shell_scan.h"

namespace corvid::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kInterpreters[] = {"bash", "dash", "deno",  "lua",  "node", "perl",
                                              "php",  "pypy", "pypy3", "ruby", "sh",   "zsh"};
// Words in front of a command that runs another one.
constexpr std::string_view kWrappers[] = {"env", "exec", "nice", "time", "timeout", "command"};

bool is_python(std::string_view program) { return program.starts_with("python"); }

bool is_interpreter(std::string_view program) {
  return is_python(program) || std::find(std::begin(kInterpreters), std::end(kInterpreters),
                                         program) != std::end(kInterpreters);
}

bool is_wrapper(std::string_view program) {
  return std::find(std::begin(kWrappers), std::end(kWrappers), program) != std::end(kWrappers);
}

// The first names of the modules that a Python text imports.
std::vector<std::string> imported_modules(const std::string& text) {
  std::vector<std::string> modules;
  for (std::string_view line : split_lines(text)) {
    line = trim(line);
    const bool is_from = line.starts_with("from ");
    if (!is_from && !line.starts_with("import ")) continue;
    line = trim(line.substr(is_from ? 5 : 7));
    while (!line.empty()) {
      const size_t end = std::min(line.find_first_of(" .,;\t#"), line.size());
      modules.emplace_back(line.substr(0, end));
      const size_t comma = is_from ? line.npos : line.find(',');
      line = comma == line.npos ? std::string_view() : trim(line.substr(comma + 1));
    }
  }
  return modules;
}

bool imports_from_workspace(const std::string& script, const std::string& text,
                            const ReadFile& read) {
  const fs::path folder = fs::path(script).parent_path();
  for (const std::string& module : imported_modules(text)) {
    if (module.empty()) return true;  // "from . import": part of a package
    for (const fs::path& root : {folder, fs::path(), fs::path("src")}) {
      if (read((root / (module + ".py")).string()) ||
          read((root / module / "__init__.py").string())) {
        return true;
      }
    }
  }
  return false;
}

constexpr std::string_view kSources =  // a space around each
    " .asm .bas .c .c++ .cc .clj .cljs .coffee .cpp .cr .cs .css .cxx .d .dart .elm .erl .ex .exs"
    " .f .f90 .fs .go .groovy .h .hh .hpp .hs .html .hxx .java .jl .js .jsx .kt .lua .m .mjs .ml"
    " .mli .mm .nim .pas .php .pl .pm .proto .py .pyx .r .rb .rs .s .scala .scss .sql .svelte"
    " .swift .tcl .ts .tsx .v .vala .vhd .vue .y .zig ";
constexpr std::string_view kBuildFiles[] = {"GNUmakefile", "makefile", "Makefile"};
constexpr std::string_view kPassingOn = " tee cat head tail less ts sed ";
constexpr int kDepthMax = 8;
constexpr size_t kFilesMax = 200;  // that are looked into

bool is_one_of(std::string_view word, std::string_view words) {
  return words.find(" " + std::string(word) + " ") != std::string_view::npos;
}

bool is_source(const std::string& path) {
  return is_one_of(fs::path(path).extension().string(), kSources);
}

enum class Kind { shell, python, other };

// What runs `path`, by the interpreter in front of it, its first line or its name.
Kind kind_of(const std::string& path, const std::string& text, std::string_view interpreter) {
  std::string line(text.substr(0, text.starts_with("#!") ? text.find('\n') : 0));
  const std::string ending = fs::path(path).extension().string();
  line += " " + std::string(interpreter) + " ";
  if (line.find("python") != line.npos || line.find("pypy") != line.npos || ending == ".py") {
    return Kind::python;
  }
  for (const char* other : {"node", "deno", "lua", "perl", "php", "ruby"}) {
    if (line.find(other) != line.npos) return Kind::other;
  }
  return is_source(path) ? Kind::other : Kind::shell;
}

// Whether a text in whatever language names a file of the workspace in quotes, as imports do.
bool names_file(const std::string& script, const std::string& text, const ReadFile& read) {
  const fs::path folder = fs::path(script).parent_path();
  for (size_t at = 0, looked = 0; looked < kFilesMax; ++looked) {
    at = text.find_first_of("'\"", at);
    const size_t end = at == text.npos ? at : text.find(text[at], at + 1);
    if (end == text.npos) return false;
    const std::string name = text.substr(at + 1, end - at - 1);
    at = end + 1;
    if (name.empty() || name.size() > 200 || name.find('\n') != name.npos) continue;
    for (const char* ending : {"", ".js", ".mjs", ".ts", ".rb", ".pm", ".pl", ".lua", ".php"}) {
      const std::string path = (folder / (name + ending)).lexically_normal().string();
      if (path != script && read(path)) return true;
    }
  }
  return false;
}

// "check.py", "scripts/verify-output.rb".
bool is_named_check(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  for (size_t at = 0; at < stem.size();) {
    const size_t end = std::min(stem.find_first_of("_-.", at), stem.size());
    if (is_one_of(stem.substr(at, end - at), " check checks verify validate test tests ")) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

class Finder {
 public:
  explicit Finder(const ReadFile& read) : read_(read) {}

  // One simple command of the check itself.
  void take(const std::vector<std::string>& words) {
    const size_t at = program_of(words);
    if (at == words.size()) return;
    if (words[at] == "cd" && at + 1 < words.size()) {
      folder_ = (folder_ / words[at + 1]).lexically_normal();
      return;
    }
    add(words[at], false);
    const std::string program = fs::path(words[at]).filename().string();
    if (!is_interpreter(program)) return;
    const size_t script = script_of(words, at);
    if (script < words.size()) {
      add(words[script], is_python(program) || program.starts_with("pypy"));
    }
  }

  // Where shell texts stand.
  struct Place {
    fs::path folder;  // where commands run
    fs::path script;  // the folder of the file that holds them; paths may begin there too
    int depth = 0;
  };

  // Shell texts that belong together; each begins in the same folder. With `is_check` they are the
  // check itself, whose programs take() has seen.
  void look_into(const std::vector<std::string>& texts, const Place& at, bool is_check) {
    if (at.depth > kDepthMax) return;
    std::vector<std::vector<ScannedCommand>> scanned;
    Names names;
    for (const std::string& text : texts) scanned.push_back(scan_shell(text));
    for (const auto& commands : scanned) {
      for (const ScannedCommand& command : commands) names.add(command);
    }
    for (const auto& commands : scanned) look_into(commands, at, names, is_check);
  }

  std::set<std::string> found;

 private:
  struct Names {
    std::set<std::string> outputs, looked_at;
    void add(const ScannedCommand& command) {
      outputs.insert(command.outputs.begin(), command.outputs.end());
      looked_at.insert(command.words.begin(), command.words.end());
      looked_at.insert(command.inputs.begin(), command.inputs.end());
    }
  };

  void look_into(const std::vector<ScannedCommand>& commands, Place place, const Names& names,
                 bool is_check) {
    for (size_t i = 0; i < commands.size(); ++i) {
      const ScannedCommand& command = commands[i];
      bool is_compared = command.is_substituted;
      if (command.is_piped && i + 1 < commands.size() && !commands[i + 1].words.empty()) {
        is_compared = is_compared || !is_one_of(commands[i + 1].words[0], kPassingOn);
      }
      for (const std::string& output : command.outputs) {
        is_compared = is_compared || names.looked_at.contains(output);
      }
      add_data(command, place, names.outputs);
      follow(command.words, place, is_check, is_compared);
    }
  }

  static size_t program_of(const std::vector<std::string>& words) {
    size_t at = 0;
    for (; at < words.size(); ++at) {
      const std::string name = fs::path(words[at]).filename().string();
      const bool is_assignment = words[at].find('=') != std::string::npos;
      const bool is_setting = words[at].empty() || words[at][0] == '-' ||
                              words[at].find_first_not_of("0123456789.smh") == std::string::npos;
      if (!is_wrapper(name) && !is_assignment && !(at > 0 && is_setting)) break;
    }
    return at;
  }

  static size_t script_of(const std::vector<std::string>& words, size_t at) {
    for (++at; at < words.size() && words[at].starts_with('-'); ++at) {
      if (words[at] == "-m" || words[at] == "-c") return words.size();
      if (words[at] == "-W" || words[at] == "-X") ++at;
    }
    return at;
  }

  void add(const std::string& word, bool is_python_script) {
    const std::string path = (folder_ / word).lexically_normal().string();
    const std::optional<std::string> text = read_(path);
    if (!text) return;
    const bool runs_python = is_python_script || path.ends_with(".py");
    if (runs_python && !imports_from_workspace(path, *text, read_)) return;
    if (!found.insert(path).second) return;
    if (kind_of(path, *text, "") == Kind::shell) {
      look_into({*text}, {folder_, fs::path(path).parent_path(), 1}, false);
    }
  }

  // The file that a word of a script means; a variable in front of it is some folder.
  std::optional<std::string> resolve(std::string word, const Place& place) const {
    if (word.starts_with('$')) word = word.substr(std::min(word.find('/'), word.size() - 1) + 1);
    if (word.empty() || word.starts_with('/') || word.starts_with('-')) return std::nullopt;
    for (const fs::path& base :
         {place.folder, place.script, fs::path(), place.script.parent_path()}) {
      std::string path = (base / word).lexically_normal().string();
      if (read_(path)) return path;
    }
    return std::nullopt;
  }

  // Files that the command compares something with, or that a program gets to read.
  void add_data(const ScannedCommand& command, const Place& place,
                const std::set<std::string>& outputs) {
    const auto& words = command.words;
    const std::string program = words.empty() ? "" : fs::path(words[0]).filename().string();
    std::vector<std::string> data;
    if (program != "read") data = command.inputs;
    const bool is_sum = program.ends_with("sum") &&
                        (std::ranges::find(words, "-c") != words.end() ||
                         std::ranges::find(words, "--check") != words.end());
    if (is_sum || is_one_of(program, " diff cmp comm colordiff git ")) {
      const bool is_git = program == "git";
      const bool has_index = std::ranges::find(words, "--no-index") != words.end();
      if (!is_git || has_index) data.insert(data.end(), words.begin() + 1, words.end());
    } else if (program == "grep" || program == "egrep" || program == "fgrep") {
      for (size_t i = 1; i + 1 < words.size(); ++i) {
        if (words[i][0] == '-' && words[i].ends_with('f')) data.push_back(words[i + 1]);
      }
    }
    for (const std::string& word : data) {
      const auto path = outputs.contains(word) ? std::nullopt : resolve(word, place);
      if (path && !is_source(*path)) found.insert(*path);
    }
  }

  void follow(const std::vector<std::string>& words, Place& place, bool is_check,
              bool is_compared) {
    const size_t at = program_of(words);
    if (at == words.size()) return;
    const std::string program = fs::path(words[at]).filename().string();
    if (program == "cd" && at + 1 < words.size()) {
      if (words[at + 1].starts_with('$')) place.folder = place.script;
      else place.folder = (place.folder / words[at + 1]).lexically_normal();
    } else if (program == "make" || program == "gmake") {
      follow_make(words, at, place);
    } else if (is_one_of(program, " npm yarn pnpm bun ")) {
      std::vector<std::string> goals(words.begin() + ptrdiff_t(at) + 1, words.end());
      follow_build_file(place.folder / "package.json", goals, place.depth);
    } else if (program == "cmake" || program == "ctest") {
      follow_build_file(place.folder / "CMakeLists.txt", {}, place.depth);
    } else if (program == "tox") {
      follow_build_file(place.folder / "tox.ini", {}, place.depth);
    } else if (program == "just") {
      follow_build_file(place.folder / "justfile", {}, place.depth);
      follow_build_file(place.folder / "Justfile", {}, place.depth);
    } else if (!is_check) {
      follow_script(words, at, program, place, is_compared);
    }
  }

  void follow_script(const std::vector<std::string>& words, size_t at, const std::string& program,
                     const Place& place, bool is_compared) {
    const bool is_sourced = program == "." || program == "source";
    std::string word = words[at], interpreter;
    if (is_sourced || is_interpreter(program) || word.starts_with('$')) {
      const size_t script = is_sourced ? at + 1 : script_of(words, at);
      if (script < words.size() && word.find('/') == word.npos) {
        word = words[script];
        interpreter = is_sourced ? "sh" : program;
      }
    }
    if (interpreter.empty() && word.find('/') == word.npos) return;
    const auto path = resolve(word, place);
    if (!path || (is_compared && !is_sourced)) return;
    const std::string text = read_(*path).value_or("");
    const Kind kind = kind_of(*path, text, interpreter);
    if (!is_named_check(*path)) {
      if (kind == Kind::python && !imports_from_workspace(*path, text, read_)) return;
      if (kind == Kind::other && !names_file(*path, text, read_)) return;
    }
    if (!found.insert(*path).second || found.size() > kFilesMax || kind != Kind::shell) return;
    look_into({text}, {place.folder, fs::path(*path).parent_path(), place.depth + 1}, false);
  }

  void follow_make(const std::vector<std::string>& words, size_t at, const Place& place) {
    fs::path folder = place.folder;
    std::vector<std::string> files(std::begin(kBuildFiles), std::end(kBuildFiles));
    std::vector<std::string> goals;
    for (++at; at < words.size(); ++at) {
      const std::string option = words[at].substr(0, 2);
      const bool is_goal = !words[at].starts_with('-') && words[at].find('=') == std::string::npos;
      if (is_goal) goals.push_back(words[at]);
      if (option != "-C" && option != "-f") continue;
      std::string value = words[at].substr(2);
      if (value.empty() && at + 1 < words.size()) value = words[++at];
      if (option == "-C") folder = (folder / value).lexically_normal();
      else files = {value};
    }
    for (const std::string& file : files) follow_build_file(folder / file, goals, place.depth);
  }

  void follow_build_file(const fs::path& file, const std::vector<std::string>& goals, int depth) {
    const std::string path = file.lexically_normal().string();
    if (depth > kDepthMax || seen_.size() > kFilesMax) return;
    if (!seen_.insert(path + " " + join(goals, " ")).second) return;
    const std::optional<std::string> text = read_(path);
    if (!text) return;
    found.insert(path);
    const fs::path folder = fs::path(path).parent_path();
    const Recipes recipes = read_recipes(fs::path(path).filename().string(), *text, goals);
    look_into(recipes.commands, {folder, folder, depth + 1}, false);
    for (const std::string& name : recipes.includes) {
      follow_build_file(folder / name, recipes.goals, depth + 1);
    }
  }

  const ReadFile& read_;
  fs::path folder_;
  std::set<std::string> seen_;  // build files, with their goals
};

}  // namespace

std::set<std::string> check_programs(std::string_view command, const ReadFile& read) {
  Finder finder(read);
  if (const auto parts = policies::split_shell(command)) {
    for (const auto& words : *parts) finder.take(words);
  } else {
    for (const ScannedCommand& each : scan_shell(command)) finder.take(each.words);
  }
  finder.look_into({std::string(command)}, {}, true);
  return std::move(finder.found);
}

}  // namespace corvid::tools
