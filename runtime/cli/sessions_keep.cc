// sessions export, fork and prune: taking a session along, and letting old ones go.

#include <optional>
#include <set>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/sessions_keep.h"
#include "runtime/cli/terminal.h"
#include "runtime/prune.h"
#include "runtime/session_fork.h"

namespace corvid::runtime {
namespace {

struct ExportArguments {
  std::string id, file;
  bool json = false;
};

struct ForkArguments {
  std::string id;
  int turn = 0;
  bool json = false;
};

struct PruneArguments {
  int64_t days = -1, keep = -1;
  std::string bytes;
  bool is_trial = false, json = false;
};

// A fence that the text itself does not hold.
std::string fenced(const std::string& text) {
  std::string fence = "```";
  while (text.find(fence) != std::string::npos) fence += '`';
  return fence + "\n" + text + (text.ends_with('\n') ? "" : "\n") + fence + "\n\n";
}

void write_message(const Message& message, std::string& out) {
  if (message.role == Role::tool) {
    out += "Result:\n\n" + fenced(message.content);
    return;
  }
  out += message.role == Role::assistant ? "## Corvid\n\n" : "## User\n\n";
  if (!message.reasoning.empty()) out += "Thought:\n\n" + fenced(message.reasoning);
  if (!message.content.empty()) out += message.content + "\n\n";
  for (const ToolCall& call : message.calls) {
    out += "Call of " + call.name + ":\n\n" + fenced(call.arguments);
  }
}

std::string markdown_of(const std::string& id, const std::vector<Event>& events) {
  std::string out = "# Corvid session " + id + "\n\n";
  for (const Event& event : events) {
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) {
      out += "Workspace " + start->workspace + ", " + format_time(event.at) + "\n\n";
    } else if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
      if (event.attempt < 0) write_message(added->message, out);
    } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      out += fmt::format("Check `{}`: exit code {}\n\n", check->command, check->exit_code);
    } else if (const auto* ended = std::get_if<AttemptEnded>(&event.body)) {
      out += fmt::format("Attempt {}: {}\n\n", event.attempt, ended->status);
      if (!ended->diff.empty()) out += fenced(ended->diff);
    } else if (const auto* end = std::get_if<RunEnded>(&event.body)) {
      const Json result = parse_json(end->result, "result");
      out += fmt::format("**{}**: {}\n\n", json_string_or(result, "status", "?"),
                         json_string_or(result, "message", ""));
    }
  }
  return out;
}

// Every event, then the kept outputs.
std::string lines_of(const std::filesystem::path& folder, const std::vector<Event>& events) {
  std::string out;
  for (const Event& event : events) out += event_to_line(event) + "\n";
  if (!std::filesystem::is_directory(folder / kOutputsFolder)) return out;
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / kOutputsFolder)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  for (const std::filesystem::path& file : files) {
    out += dump_json({{"type", "output"},
                      {"call_id", file.stem().string()},
                      {"text", to_utf8(read_file(file))}}) +
           "\n";
  }
  return out;
}

void write_export(const ExportArguments& arguments) {
  const Paths paths = find_paths();
  const std::string id = find_session(paths.sessions(), arguments.id);
  const std::vector<Event> events = read_events(paths.sessions() / id / "events.jsonl");
  const std::string text =
      arguments.json ? lines_of(paths.sessions() / id, events) : markdown_of(id, events);
  if (arguments.file.empty()) {
    write_text(stdout, arguments.json ? text : printable(text));
  } else {
    write_file_atomic(arguments.file, text);
    write_text(stderr, "wrote " + printable(arguments.file) + "\n");
  }
}

// "500", "20M", "1G" (powers of 1024).
int64_t bytes_of(const std::string& text) {
  size_t digits = text.find_first_not_of("0123456789");
  const std::string unit = digits == text.npos ? "" : text.substr(digits);
  if (digits == text.npos) digits = text.size();
  const size_t power = std::string("KMGT").find(unit.empty() ? "-" : unit.substr(0, 1));
  if (digits == 0 || digits > 15 || unit.size() > 1 || (!unit.empty() && power == unit.npos)) {
    fail(Code::invalid, "'" + text + "' is no number of bytes: 500, 20M, 1G");
  }
  const int64_t count = std::stoll(text.substr(0, digits));
  const int64_t factor = unit.empty() ? 1 : int64_t{1} << (10 * (power + 1));
  if (count > (int64_t{1} << 60) / factor) fail(Code::invalid, "'" + text + "' is too much");
  return count * factor;
}

void fork(const ForkArguments& arguments) {
  const Paths paths = find_paths();
  const std::string from = find_session(paths.sessions(), arguments.id);
  const std::string id = fork_session(
      paths, from, arguments.turn > 0 ? std::optional(arguments.turn) : std::nullopt);
  if (arguments.json) {
    write_text(stdout, dump_json({{"session", id}, {"forked_from", from}}) + "\n");
    return;
  }
  write_text(stdout, id + "\n");
  write_text(stderr, "go on with it: corvid run --resume " + id + "\n");
}

int prune(const PruneArguments& arguments) {
  PruneOptions options;
  if (arguments.days >= 0) options.older_than_days = arguments.days;
  if (arguments.keep >= 0) options.keep_count = arguments.keep;
  if (!arguments.bytes.empty()) options.keep_bytes = bytes_of(arguments.bytes);
  options.is_trial = arguments.is_trial;
  const Pruned pruned = prune_sessions(find_paths(), options, system_now());
  if (arguments.json) {
    write_text(stdout, dump_json({{"sessions", pruned.sessions},
                                  {"in_use", pruned.in_use},
                                  {"bytes", pruned.bytes},
                                  {"dry_run", options.is_trial}}) +
                           "\n");
  } else {
    const char* word = options.is_trial ? "would remove " : "removed ";
    for (const std::string& id : pruned.sessions) write_text(stdout, word + id + "\n");
    write_text(stdout, fmt::format("{}{} sessions, {:.1f} MB\n", word, pruned.sessions.size(),
                                   double(pruned.bytes) / 1e6));
    for (const std::string& id : pruned.in_use) write_text(stderr, "in use: " + id + "\n");
  }
  return pruned.in_use.empty() ? 0 : 2;
}

}  // namespace

void add_sessions_keep(Command& sessions, CommandContext& context) {
  Command save = sessions.subcommand("export", "A session as one file: Markdown, or JSON lines");
  auto exported = std::make_shared<ExportArguments>();
  save.option("id", exported->id, "Session, or the beginning of one (default: newest)");
  save.option("-o,--output", exported->file, "File to write (default: stdout)");
  save.flag("--json", exported->json, "Every event and kept output, one JSON object per line");
  save.footer(
      "Examples:\n  corvid sessions export -o session.md\n"
      "  corvid sessions export 20261121T1403 --json");
  save.callback([exported] { write_export(*exported); });

  Command branch =
      sessions.subcommand("fork", "A new session with the conversation of another, up to a turn");
  auto forked = std::make_shared<ForkArguments>();
  branch.option("id", forked->id, "Session, or the beginning of one (default: newest)");
  branch
      .option("--turn", forked->turn,
              "Go back to before this turn, as 'sessions show --json' numbers them")
      .range(1, 1000000);
  branch.flag("--json", forked->json, "For programs");
  branch.footer(
      "Examples:\n  corvid sessions fork\n  corvid sessions fork 20261121T1403 --turn 4\n"
      "The workspace is left as it is: 'corvid sessions rewind' puts files back.");
  branch.callback([forked] { fork(*forked); });

  Command command =
      sessions.subcommand("prune", "Remove old sessions with their snapshots and model states");
  auto pruned = std::make_shared<PruneArguments>();
  command.option("--older-than", pruned->days, "Days since the last event").range(0, 100000);
  command.option("--keep", pruned->keep, "So many of the newest stay").range(0, int64_t{1} << 40);
  command.option("--max-bytes", pruned->bytes, "The newest stay up to this size: 500M, 2G");
  command.flag("--dry-run", pruned->is_trial, "Only say what would go");
  command.flag("--json", pruned->json, "For programs");
  command.footer(
      "Examples:\n  corvid sessions prune --older-than 30 --dry-run\n"
      "  corvid sessions prune --keep 50 --max-bytes 2G\n"
      "What memory took from them stays: 'corvid memory forget' erases it. Undo is no longer\n"
      "possible. Exit code 2 when sessions that are in use were left.");
  command.callback([pruned, &context] { context.exit_code = prune(*pruned); });
}

}  // namespace corvid::runtime
