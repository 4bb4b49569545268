#include "tools/support/recipes.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::tools {
namespace {

constexpr size_t kLineBytesMax = 64 << 10;
constexpr int kExpansionsMax = 2000;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (size_t at = 0; (at = text.find_first_not_of(" \t\r", at)) != text.npos;) {
    const size_t end = std::min(text.find_first_of(" \t\r", at), text.size());
    words.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

class Makefile {
 public:
  Makefile(std::string_view text, const std::vector<std::string>& goals) {
    std::string joined;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\n') {
        joined += ' ';
        ++i;
      } else {
        joined += text[i];
      }
    }
    // Variables hold whatever they are set to last, also below their use.
    for (const std::string_view line : split_lines(joined)) take_assignment(line);
    for (const std::string_view line : split_lines(joined)) take(line);
    const auto shell = variables_.find("SHELL");
    if (shell != variables_.end()) recipes.commands.push_back(expand(shell->second, 0));
    follow(goals);
  }

  Recipes recipes;

 private:
  struct Rule {
    std::vector<std::string> targets, needed, commands;
    bool is_taken = false;
  };

  // Takes the rules for the goals and for what they need.
  void follow(const std::vector<std::string>& goals) {
    std::set<std::string> wanted(goals.begin(), goals.end());
    for (const Rule& rule : rules_) {
      if (!wanted.empty()) break;
      for (const std::string& target : rule.targets) {
        if (!target.starts_with('.') && target.find('%') == target.npos) wanted.insert(target);
      }
    }
    for (bool is_new = true; is_new;) {
      is_new = false;
      for (Rule& rule : rules_) {
        const bool is_wanted = std::ranges::any_of(rule.targets, [&](const std::string& target) {
          return target.find('%') != target.npos || wanted.contains(target);
        });
        if (rule.is_taken || !is_wanted) continue;
        rule.is_taken = is_new = true;
        wanted.insert(rule.needed.begin(), rule.needed.end());
        recipes.commands.insert(recipes.commands.end(), rule.commands.begin(),
                                rule.commands.end());
      }
    }
    recipes.goals.assign(wanted.begin(), wanted.end());
  }

  void take_assignment(std::string_view line) {
    const size_t sign = line.find('=');
    if (line.starts_with('\t') || sign == line.npos) return;
    std::string_view name = trim(line.substr(0, sign));
    while (!name.empty() && std::string_view(":?+!").find(name.back()) != name.npos) {
      name.remove_suffix(1);
    }
    name = trim(name);
    if (name.starts_with("export ")) name = trim(name.substr(7));
    if (name.empty() || name.find_first_of(" \t:$#") != name.npos) return;
    std::string& value = variables_[std::string(name)];
    if (line[sign - (sign > 0)] == '+') value += " " + std::string(trim(line.substr(sign + 1)));
    else value = trim(line.substr(sign + 1));
  }

  void take(std::string_view line) {
    if (line.starts_with('\t')) {
      add_command(line);
      return;
    }
    for (const std::string_view word : {"include ", "-include ", "sinclude "}) {
      if (!line.starts_with(word)) continue;
      recipes.includes = words_of(expand(line.substr(word.size()), 0));
    }
    const size_t colon = line.find(':');
    if (colon == line.npos || line.find('=') < colon || line.substr(colon).starts_with(":=")) {
      return;
    }
    const size_t semicolon = std::min(line.find(';', colon), line.size());
    Rule rule;
    rule.targets = words_of(expand(line.substr(0, colon), 0));
    rule.needed = words_of(expand(line.substr(colon + 1, semicolon - colon - 1), 0));
    variables_["@"] = rule.targets.empty() ? "" : rule.targets.front();
    variables_["^"] = variables_["+"] = join(rule.needed, " ");
    variables_["<"] = rule.needed.empty() ? "" : rule.needed.front();
    rules_.push_back(std::move(rule));
    if (semicolon < line.size()) add_command(line.substr(semicolon + 1));
  }

  void add_command(std::string_view line) {
    const size_t begin = line.find_first_not_of(" \t@-+");
    if (begin == line.npos || rules_.empty()) return;
    rules_.back().commands.push_back(expand(line.substr(begin), 0));
  }

  std::string value_of(const std::string& name, int depth) {
    if (name == "MAKE") return "make";
    if (name == "CURDIR" || name == "PWD" || name == "srcdir") return ".";
    const auto found = variables_.find(name);
    // A function's words are as good as its value.
    if (found == variables_.end()) return name.find(' ') == name.npos ? "" : "$(" + name + ")";
    return expand(found->second, depth + 1);
  }

  std::string expand(std::string_view text, int depth) {
    std::string out;
    for (size_t i = 0; i < text.size() && out.size() < kLineBytesMax; ++i) {
      if (text[i] != '$' || i + 1 == text.size() || depth > 16 || ++expansions_ > kExpansionsMax) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      if (c == '$') {
        out += '$';
      } else if (c == '(' || c == '{') {
        const size_t end = std::min(text.find(c == '(' ? ')' : '}', i), text.size());
        out += value_of(std::string(text.substr(i + 1, end - i - 1)), depth);
        i = end;
      } else {
        out += value_of(std::string(1, c), depth);
      }
    }
    return out;
  }

  std::map<std::string, std::string> variables_;
  std::vector<Rule> rules_;
  int expansions_ = 0;
};

Recipes read_package(std::string_view text, const std::vector<std::string>& goals) {
  Recipes recipes;
  const Json json = try_parse_json(text);
  if (!json.is_object() || !json.contains("scripts") || !json["scripts"].is_object()) return {};
  for (const auto& [name, script] : json["scripts"].items()) {
    const bool is_wanted = std::ranges::any_of(goals, [&](const std::string& goal) {
      return name == goal || name == "pre" + goal || name == "post" + goal;
    });
    if (is_wanted && script.is_string()) recipes.commands.push_back(script.get<std::string>());
  }
  return recipes;
}

Recipes read_cmake(std::string_view text) {
  Recipes recipes;
  std::string plain;
  for (const std::string_view line : split_lines(text)) {
    if (!trim(line).starts_with('#')) plain += std::string(line) + " ";
  }
  const auto words_from = [&](size_t at) {
    return plain.substr(at, std::min(plain.find(')', at), plain.size()) - at);
  };
  for (size_t at = 0; (at = plain.find("COMMAND ", at)) != plain.npos;) {
    at += 8;
    std::string command = words_from(at);
    for (const char* end : {" WORKING_DIRECTORY ", " DEPENDS ", " COMMENT ", " COMMAND "}) {
      command.resize(std::min(command.find(end), command.size()));
    }
    recipes.commands.push_back(command);
  }
  for (size_t at = 0; (at = plain.find("add_subdirectory(", at)) != plain.npos;) {
    at += 17;
    const std::string words = words_from(at);
    const std::string folder(trim(words));
    recipes.includes.push_back(folder.substr(0, folder.find(' ')) + "/CMakeLists.txt");
  }
  return recipes;
}

Recipes read_indented(std::string_view text) {
  Recipes recipes;
  for (std::string_view line : split_lines(text)) {
    const bool is_setting = line.starts_with("commands");
    if (is_setting) line = line.substr(std::min(line.find('='), line.size() - 1) + 1);
    else if (!line.starts_with(' ') && !line.starts_with('\t')) continue;
    const size_t begin = line.find_first_not_of(" \t@-");
    if (begin != line.npos) recipes.commands.emplace_back(line.substr(begin));
  }
  return recipes;
}

}  // namespace

Recipes read_recipes(std::string_view name, std::string_view text,
                     const std::vector<std::string>& goals) {
  if (name == "package.json") return read_package(text, goals);
  if (name == "CMakeLists.txt" || name.ends_with(".cmake")) return read_cmake(text);
  if (name == "tox.ini" || name == "justfile" || name == "Justfile") return read_indented(text);
  return Makefile(text, goals).recipes;
}

}  // namespace corvid::tools
