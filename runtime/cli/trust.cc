// corvid trust: what a project brings along is used once a person has seen it.

#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/terminal.h"
#include "runtime/kept_files.h"
#include "runtime/trust.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

struct TrustArguments {
  std::string workspace = ".";
  bool yes = false, revoke = false, list = false, json = false;
};

bool person_agrees() {
  if (::isatty(STDIN_FILENO) == 0) {
    fail(Code::invalid, "say --yes when you have read this, or answer at a terminal");
  }
  write_text(stderr, "trust these as they are now? y(es), n(o) ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "yes";
}

void show_content(const fs::path& file) {
  if (!fs::is_regular_file(fs::symlink_status(file))) return;
  const std::string content = printable(to_utf8(read_file(file, int64_t{16} << 20)));
  for (const std::string_view line : split_lines(content)) {
    write_text(stdout, "  | " + std::string(line) + "\n");
  }
}

void show(const fs::path& workspace, const std::vector<ProjectPart>& parts, bool with_content) {
  if (parts.empty()) write_text(stdout, "this project brings nothing along for Corvid\n");
  for (const ProjectPart& part : parts) {
    write_text(stdout, (part.is_trusted ? "trusted      " : "not trusted  ") +
                           printable(part.path) + "\n");
    if (part.is_trusted || !with_content) continue;
    const fs::path place = workspace / part.path;
    if (part.path == kProjectHooks) {
      for (const std::string& name : list_tree(place).files) {
        write_text(stdout, "  " + printable(name) + "\n");
        show_content(place / name);
      }
    } else {
      show_content(fs::is_directory(place) ? place / "SKILL.md" : place);
    }
  }
}

void decide(const TrustArguments& arguments) {
  std::error_code error;
  const fs::path workspace = fs::canonical(arguments.workspace, error);
  if (error) fail(Code::invalid, "no such folder: " + arguments.workspace);
  const Paths paths = find_paths();
  if (arguments.revoke) {
    set_trust(paths, workspace, {});
    return write_text(stderr, "nothing of this project is trusted now\n");
  }
  const std::vector<ProjectPart> parts = project_parts(paths, workspace);
  if (arguments.json) {
    Json json = Json::array();
    for (const ProjectPart& part : parts) {
      json.push_back(
          {{"path", part.path}, {"sha256", part.digest}, {"trusted", part.is_trusted}});
    }
    write_text(stdout, dump_json(json) + "\n");
  } else {
    show(workspace, parts, !arguments.list);
  }
  const auto is_trusted = [](const ProjectPart& part) { return part.is_trusted; };
  if (arguments.list || std::all_of(parts.begin(), parts.end(), is_trusted)) return;
  if (!arguments.yes && !person_agrees()) return;
  set_trust(paths, workspace, parts);
  write_text(stderr, "trusted, until they change\n");
}

}  // namespace

void add_trust(Command& app, CommandContext&) {
  Command trust = app.subcommand(
      "trust", "Use a project's own check, hooks and skills, once you have read them");
  auto arguments = std::make_shared<TrustArguments>();
  trust.option("-w,--workspace", arguments->workspace, "The project (default: this folder)");
  trust.flag("--yes", arguments->yes, "I have read them");
  trust.flag("--list", arguments->list, "Only say what is there, and what is trusted");
  trust.flag("--revoke", arguments->revoke, "Trust nothing of it any more");
  trust.flag("--json", arguments->json, "For programs");
  trust.footer(
      "A project may bring .corvid/config.toml ([verify] command = \"make test\", [[hooks]]),\n"
      ".corvid/hooks (their scripts) and .agents/skills/NAME/SKILL.md. They are used while their\n"
      "content is what you agreed to.\n"
      "Examples:\n  corvid trust\n  corvid trust --list --json\n  corvid trust --revoke");
  trust.callback([arguments] { decide(*arguments); });
}

}  // namespace corvid::runtime
