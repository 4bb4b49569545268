#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/sessions_keep.h"
#include "runtime/cli/sessions_replay.h"
#include "runtime/cli/terminal.h"
#include "runtime/run_result.h"
#include "runtime/workspace_history.h"
#include "tools/quote.h"

namespace corvid::runtime {
namespace {

struct SessionArguments {
  std::string id;
  std::string workspace = ".";
  int turn = 0;
  int limit = 20;
  bool json = false;
  bool force = false;
};

void list(const SessionArguments& arguments) {
  const Paths paths = find_paths();
  std::vector<SessionSummary> sessions = list_sessions(paths.sessions());
  if (sessions.size() > size_t(arguments.limit)) sessions.resize(size_t(arguments.limit));
  if (arguments.json) {
    Json json = Json::array();
    for (const SessionSummary& session : sessions) {
      json.push_back({{"id", session.id},
                      {"workspace", session.workspace},
                      {"task", session.task},
                      {"status", session.status},
                      {"turns", session.turn_count},
                      {"started", format_time(session.started)},
                      {"ended", format_time(session.ended)}});
    }
    write_text(stdout, dump_json(json) + "\n");
    return;
  }
  if (sessions.empty()) write_text(stderr, "no sessions yet: corvid run \"TASK\" makes one\n");
  for (const SessionSummary& session : sessions) {
    const std::string task = printable(session.task);
    write_text(stdout, fmt::format("{}  {:<11}  {:>3} turns  {}  {}\n", session.id, session.status,
                                   session.turn_count, printable(session.workspace),
                                   truncate_utf8(task.substr(0, task.find('\n')), 60)));
  }
}

void show(const SessionArguments& arguments) {
  const Paths paths = find_paths();
  const std::string id = find_session(paths.sessions(), arguments.id);
  const std::filesystem::path log = paths.sessions() / id / "events.jsonl";
  RunView view(stdout);
  for (const Event& event : read_events(log)) {
    if (arguments.json) {
      write_text(stdout, event_to_line(event) + "\n");
      continue;
    }
    view.show(event);
    if (const auto* ended = std::get_if<AttemptEnded>(&event.body)) {
      write_text(stdout, fmt::format("[{}] {}\n", event.attempt, ended->status));
      write_text(stdout, coloured_diff(Palette(stdout), ended->diff));
    } else if (const auto* end = std::get_if<RunEnded>(&event.body)) {
      const Json result = parse_json(end->result, "result");
      write_text(stdout, json_string_or(result, "status", "?") + ": " +
                             printable(json_string_or(result, "message", "")) + "\n");
    }
  }
}

int put_back(const SessionArguments& arguments, bool is_undo) {
  const Paths paths = find_paths();
  const std::string id = arguments.id.empty() ? newest_session_in(paths, arguments.workspace)
                                              : find_session(paths.sessions(), arguments.id);
  auto session = Session::open(paths.sessions(), id, system_now);
  const Restored restored = is_undo
                                ? undo_last_run(paths, *session, arguments.force)
                                : rewind_to_turn(paths, *session, arguments.turn, arguments.force);
  if (arguments.json) {
    Json json = {{"session", id}, {"found", restored.found_tree}};
    set_paths(json, "files", restored.files);
    set_paths(json, "conflicts", restored.conflicts);
    set_paths(json, "lost", restored.lost);
    set_paths(json, "modes", restored.modes);
    write_text(stdout, dump_json(json) + "\n");
  } else {
    for (const std::string& path : restored.files)
      write_text(stdout, "put back " + tools::quote_path(path) + "\n");
    if (restored.files.empty() && restored.conflicts.empty() && restored.lost.empty() &&
        restored.modes.empty()) {
      write_text(stdout, "nothing to put back: the workspace is as it was\n");
    }
    for (const std::string& path : restored.lost) {
      write_text(stderr, "cannot be put back: " + tools::quote_path(path) +
                             " changed, and it is too large for snapshots\n");
    }
    for (const std::string& path : restored.modes) {
      write_text(stderr, "permissions cannot be put back: " + tools::quote_path(path) + "\n");
    }
    for (const std::string& path : restored.conflicts) {
      write_text(stderr, "left alone: " + tools::quote_path(path) +
                             " is not as the session left it; --force puts it back "
                             "(what is there now is saved)\n");
    }
  }
  const bool is_whole =
      restored.conflicts.empty() && restored.lost.empty() && restored.modes.empty();
  return is_whole ? 0 : 2;
}

}  // namespace

void add_sessions(Command& app, CommandContext& context) {
  Command sessions = app.subcommand(
      "sessions", "What was done: list, show, undo, rewind, fork, export, replay, prune");
  sessions.require_subcommand();
  auto arguments = std::make_shared<SessionArguments>();
  Command list_command = sessions.subcommand("list", "Newest first");
  list_command.option("--limit", arguments->limit, "At most so many").range(1, 1000000);
  list_command.callback([arguments] { list(*arguments); });
  Command show_command = sessions.subcommand("show", "Everything that happened in one");
  show_command.callback([arguments] { show(*arguments); });
  Command undo =
      sessions.subcommand("undo", "Put the workspace back as it was before the session's last run");
  undo.callback([arguments, &context] { context.exit_code = put_back(*arguments, true); });
  Command rewind = sessions.subcommand("rewind", "Put the workspace back as it was before a turn");
  rewind.option("--to", arguments->turn, "Turn, as 'sessions show --json' numbers them")
      .range(1, 1000000)
      .required();
  rewind.callback([arguments, &context] { context.exit_code = put_back(*arguments, false); });
  show_command.option("id", arguments->id, "Session, or the beginning of one (default: newest)");
  for (Command command : {undo, rewind}) {
    command.option("id", arguments->id,
                   "Session, or the beginning of one (default: newest in the workspace)");
    command.option("-w,--workspace", arguments->workspace,
                   "Folder whose newest session is meant (default: this one)");
    command.flag("--force", arguments->force, "Also files that changed after the run");
  }
  for (Command command : {list_command, show_command, undo, rewind}) {
    command.flag("--json", arguments->json, "For programs");
  }
  list_command.footer("Examples:\n  corvid sessions list --limit 5\n  corvid sessions list --json");
  show_command.footer(
      "Examples:\n  corvid sessions show\n  corvid sessions show 20261121T1403 --json");
  undo.footer(
      "Examples:\n  corvid sessions undo\n  corvid sessions undo 20261121T1403 --force\n"
      "Exit code 2 when files were left alone because they changed after the run.");
  rewind.footer(
      "Examples:\n  corvid sessions rewind --to 4\n"
      "  corvid sessions rewind --to 4 20261121T1403 --force");
  add_sessions_keep(sessions, context);
  add_sessions_replay(sessions, context);
  sessions.footer(
      "Examples:\n  corvid sessions list\n  corvid sessions undo\n"
      "  corvid sessions rewind --to 4 20261121T1403");
}

}  // namespace corvid::runtime
