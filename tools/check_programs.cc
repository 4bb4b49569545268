#include "tools/check_programs.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <vector>

#include "policies/shell_words.h"
#include "runtime/base/text.h"
#include "tools/support/ignore.h"
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

// What may be names of files among the quoted texts of a program.
std::vector<std::string> quoted_names(const std::string& text) {
  std::vector<std::string> names;
  for (size_t at = 0; names.size() < kFilesMax;) {
    at = text.find_first_of("'\"", at);
    const size_t end = at == text.npos ? at : text.find(text[at], at + 1);
    if (end == text.npos) break;
    const std::string name = text.substr(at + 1, end - at - 1);
    const bool is_name = !name.empty() && name.size() <= 200 && name.find('\n') == name.npos;
    if (is_name) names.push_back(name);
    at = is_name || end == at + 1 ? end + 1 : at + 1;
  }
  return names;
}

// Whether a text in whatever language names a file of the workspace in quotes, as imports do.
bool names_file(const std::string& script, const std::string& text, const ReadFile& read) {
  const fs::path folder = fs::path(script).parent_path();
  for (const std::string& name : quoted_names(text)) {
    for (const char* ending : {"", ".js", ".mjs", ".ts", ".rb", ".pm", ".pl", ".lua", ".php"}) {
      const std::string path = (folder / (name + ending)).lexically_normal().string();
      if (path != script && read(path)) return true;
    }
  }
  return false;
}

constexpr std::string_view kCheckNames =
    " check checks spec specs test tests validate verify ";

// "check.py", "scripts/verify-output.rb".
bool is_named_check(const std::string& path) {
  const std::string stem = fs::path(path).stem().string();
  for (size_t at = 0; at < stem.size();) {
    const size_t end = std::min(stem.find_first_of("_-.", at), stem.size());
    if (is_one_of(stem.substr(at, end - at), kCheckNames)) return true;
    at = end + 1;
  }
  return false;
}

constexpr std::string_view kCompilers =
    " c++ cc clang clang++ csc dmd fpc g++ gcc gfortran ghc go javac kotlinc mcs nvcc ocamlopt"
    " rustc scalac swiftc tcc zig ";
constexpr std::string_view kRunners = " green nose2 nosetests py.test pytest trial unittest ";
constexpr size_t kValuesMax = 50;  // of a variable that a loop sets

bool is_pattern(std::string_view word) { return word.find_first_of("*?[") != word.npos; }

class Finder {
 public:
  Finder(const ReadFile& read, std::span<const std::string> paths) : read_(read), paths_(paths) {}

  // The check itself.
  void take_text(const std::string& text, int depth) {
    if (depth > kDepthMax) return;
    const fs::path from = folder_;
    for (const ScannedCommand& each : with_values(scan_shell(text), folder_)) {
      take(each.words, depth);
    }
    look_into({text}, {from, {}, depth}, true);
  }

  std::set<std::string> take_found() { return std::move(found_); }

 private:
  // One simple command of the check itself.
  void take(const std::vector<std::string>& words, int depth) {
    const size_t at = program_of(words);
    if (at == words.size()) return;
    if (words[at] == "cd" && at + 1 < words.size()) {
      folder_ = (folder_ / words[at + 1]).lexically_normal();
      return;
    }
    add(words[at], false);
    const std::string program = fs::path(words[at]).filename().string();
    add_named_tests(words, at, folder_);
    if (is_one_of(program, kCompilers)) add_compiled(words, at);
    if (!is_interpreter(program) && !words[at].starts_with('$')) return;
    if (const auto text = shell_text(words, at)) take_text(*text, depth + 1);
    const size_t script = script_of(words, at);
    if (script < words.size()) {
      add(words[script], is_python(program) || program.starts_with("pypy"));
    }
  }

  // What `sh -c` runs.
  static std::optional<std::string> shell_text(const std::vector<std::string>& words, size_t at) {
    if (!policies::is_shell(fs::path(words[at]).filename().string())) return std::nullopt;
    while (++at + 1 < words.size() && words[at].starts_with('-')) {
      if (!words[at].starts_with("--") && words[at].ends_with('c')) return words[at + 1];
    }
    return std::nullopt;
  }

  // The files that a pattern means, at a folder or at the root.
  std::vector<std::string> files_like(const std::string& word, const fs::path& folder) const {
    std::vector<std::string> files;
    const std::string beneath = (folder / word).lexically_normal().string();
    for (const std::string& path : paths_) {
      const bool fits = glob_match(beneath, path) || glob_match(word, path);
      if (fits && files.size() < kValuesMax) files.push_back(path);
    }
    return files;
  }

  // The commands with the values that assignments and loops in front of them give to variables,
  // one for each value of a loop.
  std::vector<ScannedCommand> with_values(std::vector<ScannedCommand> commands,
                                          const fs::path& folder) const {
    std::map<std::string, std::vector<std::string>> values;
    std::vector<ScannedCommand> made;
    for (ScannedCommand& command : commands) {
      std::vector<std::string>& words = command.words;
      for (size_t i = 0; i < words.size() && words.size() < kFilesMax; ++i) {
        if (!is_pattern(words[i])) continue;
        const std::vector<std::string> files = files_like(words[i], folder);
        if (files.empty()) continue;
        words.erase(words.begin() + ptrdiff_t(i));
        words.insert(words.begin() + ptrdiff_t(i), files.begin(), files.end());
        i += files.size() - 1;
      }
      if (words.size() > 3 && words[0] == "for" && words[2] == "in") {
        values["$" + words[1]] = {words.begin() + 3, words.end()};
      }
      for (const std::string& word : words) {
        const size_t equals = word.find('=');
        if (equals == word.npos || equals == 0) break;
        values["$" + word.substr(0, equals)] = {word.substr(equals + 1)};
      }
      add_with(std::move(command), values, made);
    }
    return made;
  }

  static void add_with(ScannedCommand command,
                       const std::map<std::string, std::vector<std::string>>& values,
                       std::vector<ScannedCommand>& made) {
    for (size_t i = 0; i < command.words.size(); ++i) {
      std::string name = command.words[i];
      if (name.starts_with("${") && name.ends_with('}')) {
        name = "$" + name.substr(2, name.size() - 3);
      }
      const auto found = values.find(name);
      if (found == values.end() || made.size() > kFilesMax) continue;
      for (size_t k = 1; k < std::min(found->second.size(), kValuesMax); ++k) {
        made.push_back(command);
        made.back().words[i] = found->second[k];
      }
      command.words[i] = found->second[0];
    }
    made.push_back(std::move(command));
  }

  // The files that a test runner gets by name: paths, modules ("specs.T"), patterns of discovery.
  void add_named_tests(const std::vector<std::string>& words, size_t at, const fs::path& folder) {
    const std::string program = fs::path(words[at]).filename().string();
    size_t from = at + 1;
    if (is_python(program)) {
      while (from < words.size() && words[from] != "-m") ++from;
      if (from + 1 >= words.size() || !is_one_of(words[from + 1], kRunners)) return;
      from += 2;
    } else if (!is_one_of(program, kRunners)) {
      return;
    }
    fs::path start = folder;
    std::string pattern;
    for (size_t i = from; i < words.size(); ++i) {
      const bool has_next = i + 1 < words.size();
      if (has_next && (words[i] == "-s" || words[i] == "--start-directory")) {
        start = (folder / words[++i]).lexically_normal();
      } else if (has_next && (words[i] == "-p" || words[i] == "--pattern")) {
        pattern = words[++i];
      } else if (!words[i].starts_with('-')) {
        add_test(words[i].substr(0, words[i].find("::")), folder);
      }
    }
    const std::string root = start == "." || start.empty() ? "" : start.string() + "/";
    for (const std::string& path : paths_) {
      if (pattern.empty() || !path.starts_with(root)) continue;
      if (glob_match(pattern, fs::path(path).filename().string())) add(path, true);
    }
  }

  void add_test(std::string name, const fs::path& folder) {
    const std::string path = (folder / name).lexically_normal().string();
    if (read_(path)) return add(path, true);
    if (name.find('/') != name.npos || is_pattern(name)) return;
    for (;;) {
      std::string file = name;
      std::ranges::replace(file, '.', '/');
      file = (folder / (file + ".py")).lexically_normal().string();
      if (read_(file)) return add(file, true);
      if (name.find('.') == name.npos) return;
      name = name.substr(0, name.rfind('.'));
    }
  }

  // Of several sources those that are called checks.
  void add_compiled(const std::vector<std::string>& words, size_t at) {
    std::vector<std::string> sources;
    for (++at; at < words.size(); ++at) {
      const std::string path = (folder_ / words[at]).lexically_normal().string();
      if (is_source(path) && read_(path)) sources.push_back(path);
    }
    for (const std::string& path : sources) {
      if (sources.size() > 1 && is_named_check(path)) found_.insert(path);
    }
  }

  // Data that a Python script names.
  void add_named_data(const std::string& script, const std::string& text) {
    for (const std::string& name : quoted_names(text)) {
      for (const fs::path& folder : {fs::path(script).parent_path(), folder_, fs::path()}) {
        const std::string path = (folder / name).lexically_normal().string();
        if (!is_source(path) && read_(path)) found_.insert(path);
      }
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
    for (const std::string& text : texts) {
      scanned.push_back(with_values(scan_shell(text), at.folder));
    }
    for (const auto& commands : scanned) {
      for (const ScannedCommand& command : commands) names.add(command);
    }
    for (const auto& commands : scanned) look_into(commands, at, names, is_check);
  }

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
    std::string path = (folder_ / word).lexically_normal().string();
    if (!read_(path)) path = fs::path(word).lexically_normal().string();
    const std::optional<std::string> text = read_(path);
    if (!text) return;
    const bool runs_python = is_python_script || path.ends_with(".py");
    if (runs_python && !imports_from_workspace(path, *text, read_)) return;
    if (!found_.insert(path).second) return;
    if (runs_python) return add_named_data(path, *text);
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
      if (!path) continue;
      const bool is_program = is_interpreter(program) || program.starts_with('$');
      if (!is_source(*path)) found_.insert(*path);
      else if (is_program) add(*path, is_python(program));  // python3 - < check.py
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
      add_named_tests(words, at, place.folder);
      const auto text = is_interpreter(program) ? shell_text(words, at) : std::nullopt;
      if (text) look_into({*text}, {place.folder, place.script, place.depth + 1}, false);
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
    if (!found_.insert(*path).second || found_.size() > kFilesMax) return;
    if (kind == Kind::python) add_named_data(*path, text);
    if (kind != Kind::shell) return;
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
    found_.insert(path);
    const fs::path folder = fs::path(path).parent_path();
    const Recipes recipes = read_recipes(fs::path(path).filename().string(), *text, goals);
    look_into(recipes.commands, {folder, folder, depth + 1}, false);
    for (const std::string& name : recipes.includes) {
      follow_build_file(folder / name, recipes.goals, depth + 1);
    }
  }

  const ReadFile& read_;
  const std::span<const std::string> paths_;
  std::set<std::string> found_;
  fs::path folder_;
  std::set<std::string> seen_;  // build files, with their goals
};

}  // namespace

std::set<std::string> check_programs(std::string_view command, const ReadFile& read,
                                     std::span<const std::string> paths) {
  Finder finder(read, paths);
  finder.take_text(std::string(command), 0);
  return finder.take_found();
}

}  // namespace corvid::tools
