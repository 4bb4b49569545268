#include "tools/check_programs.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "policies/shell_words.h"
#include "runtime/base/text.h"

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

class Finder {
 public:
  explicit Finder(const ReadFile& read) : read_(read) {}

  void take(const std::vector<std::string>& words) {
    size_t at = 0;
    for (; at < words.size(); ++at) {
      const std::string name = fs::path(words[at]).filename().string();
      const bool is_setting = words[at].find('=') != std::string::npos || words[at][0] == '-' ||
                              words[at].find_first_not_of("0123456789.smh") == std::string::npos;
      if (!is_wrapper(name) && !(at > 0 && is_setting)) break;
    }
    if (at == words.size()) return;
    if (words[at] == "cd" && at + 1 < words.size()) {
      folder_ = (folder_ / words[at + 1]).lexically_normal();
      return;
    }
    add(words[at], false);
    const std::string program = fs::path(words[at]).filename().string();
    if (!is_interpreter(program)) return;
    for (++at; at < words.size() && words[at].starts_with('-'); ++at) {
      if (words[at] == "-m" || words[at] == "-c") return;
      if (words[at] == "-W" || words[at] == "-X") ++at;
    }
    if (at < words.size()) add(words[at], is_python(program) || program.starts_with("pypy"));
  }

  std::set<std::string> found;

 private:
  void add(const std::string& word, bool is_python_script) {
    const std::string path = (folder_ / word).lexically_normal().string();
    const std::optional<std::string> text = read_(path);
    if (!text) return;
    const bool runs_python = is_python_script || path.ends_with(".py");
    if (!runs_python || imports_from_workspace(path, *text, read_)) found.insert(path);
  }

  const ReadFile& read_;
  fs::path folder_;
};

}  // namespace

std::set<std::string> check_programs(std::string_view command, const ReadFile& read) {
  Finder finder(read);
  if (const auto parts = policies::split_shell(command)) {
    for (const auto& words : *parts) finder.take(words);
  } else {
    // Whatever may be a command in it.
    const std::vector<std::string> words = policies::loose_words(command);
    for (size_t i = 0; i < words.size(); ++i) {
      finder.take({words.begin() + ptrdiff_t(i), words.end()});
    }
  }
  return std::move(finder.found);
}

}  // namespace corvid::tools
