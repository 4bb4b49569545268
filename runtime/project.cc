#include "runtime/project.h"

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/base/toml.h"
#include "runtime/model_settings.h"
#include "runtime/trust.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFileBytesMax = 1 << 20;
constexpr size_t kNameBytesMax = 64, kDescriptionBytesMax = 1024, kTextBytesMax = 8 << 10;

std::string check_command(const fs::path& file) {
  const toml::table config = read_toml(file);
  const toml::node_view<const toml::node> command = config["verify"]["command"];
  if (!command) return "";
  const auto value = command.value_exact<std::string>();
  if (!value) fail(Code::invalid, file.string() + ": [verify] command must be a text");
  return *value;
}

std::string unquoted(std::string_view value) {
  value = trim(value);
  const bool is_quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                         value.back() == value.front();
  return std::string(is_quoted ? value.substr(1, value.size() - 2) : value);
}

}  // namespace

Skill parse_skill(std::string_view text, const std::string& name) {
  const std::vector<std::string_view> lines = split_lines(text);
  if (lines.empty() || trim(lines.front()) != "---") {
    fail(Code::invalid, "SKILL.md begins with a line '---', then name and description");
  }
  Skill skill;
  std::string* last = nullptr;  // that a line further in goes on with
  size_t i = 1;
  for (; i < lines.size() && trim(lines[i]) != "---"; ++i) {
    const std::string_view line = lines[i];
    const bool is_further_in = line.starts_with(' ') || line.starts_with('\t');
    if (is_further_in) {
      if (last != nullptr) *last += (last->empty() ? "" : " ") + std::string(trim(line));
      continue;
    }
    const size_t colon = line.find(':');
    const std::string_view key = trim(line.substr(0, colon));
    last = key == "name" ? &skill.name : key == "description" ? &skill.description : nullptr;
    if (last == nullptr || colon == line.npos) continue;
    *last = unquoted(line.substr(colon + 1));
    if (*last == ">" || *last == "|" || *last == ">-" || *last == "|-") last->clear();
  }
  if (i == lines.size()) fail(Code::invalid, "the front matter does not end with a line '---'");
  const bool is_named =
      skill.name == name && name.size() <= kNameBytesMax &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == name.npos;
  if (!is_named) {
    fail(Code::invalid, "the name '" + printable(skill.name) +
                            "' is not the folder's, or not of lower-case letters, digits and "
                            "hyphens");
  }
  skill.description = printable(to_utf8(skill.description));
  if (skill.description.empty() || skill.description.size() > kDescriptionBytesMax) {
    fail(Code::invalid, "a description of 1 to 1024 bytes is needed");
  }
  return skill;
}

Project read_project(const Paths& paths, const fs::path& workspace) {
  Project project;
  std::vector<std::string> untrusted;
  for (const ProjectPart& part : project_parts(paths, workspace)) {
    if (!part.is_trusted) {
      untrusted.push_back(part.path);
    } else if (part.path == kProjectConfig) {
      project.verify = check_command(workspace / part.path);
    } else if (part.path != kProjectHooks) {  // hooks.h reads those
      const fs::path file = fs::path(part.path) / "SKILL.md";
      try {
        Skill skill = parse_skill(read_file(workspace / file, kFileBytesMax),
                                  fs::path(part.path).filename().string());
        skill.path = file.string();
        project.skills.push_back(std::move(skill));
      } catch (const Error& error) {  // edge: one skill's mistake is not the others'
        log::warning("project", "a skill is left out",
                     {{"file", file.string()}, {"reason", error.what()}});
      }
    }
  }
  if (!untrusted.empty()) {
    log::warning("project", "not trusted, so not used; see 'corvid trust'",
                 {{"files", join(untrusted, ", ")}});
  }
  return project;
}

std::string skills_text(std::span<const Skill> skills) {
  if (skills.empty()) return "";
  std::string text =
      "Skills: instructions for some kinds of work. When one fits the task, read its file first.";
  for (size_t i = 0; i < skills.size(); ++i) {
    const Skill& skill = skills[i];
    const std::string line =
        "\n- " + skill.name + ": " + skill.description + " (" + skill.path + ")";
    if (text.size() + line.size() > kTextBytesMax) {
      text += "\n- and " + std::to_string(skills.size() - i) + " more in .agents/skills";
      break;
    }
    text += line;
  }
  return text;
}

RunOptions with_project(RunOptions options, const Paths& paths) {
  options = with_model_settings(std::move(options), paths);
  const Project project = read_project(paths, options.workspace);
  if (options.verify.empty()) options.verify = project.verify;
  options.instructions = skills_text(project.skills);
  return options;
}

}  // namespace corvid::runtime
