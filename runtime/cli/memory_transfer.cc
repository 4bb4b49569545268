#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/memory_command.h"
#include "runtime/cli/terminal.h"
#include "runtime/embedder.h"
#include "runtime/memory_model.h"
#include "runtime/memory_settings.h"
#include "runtime/paths.h"

namespace corvid::runtime {
namespace {

void print(const Json& json) { write_text(stdout, dump_json(json) + "\n"); }

void export_memory(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  std::string out;
  const bool to_stdout = arguments.file.empty() || arguments.file == "-";
  const auto write = [&](std::string_view text) {
    out.append(text);
    if (!arguments.markdown) out += '\n';
    if (!to_stdout) return;
    // A terminal is shown what other people wrote, not commanded by it.
    write_text(stdout, arguments.markdown ? printable(out) : out);
    out.clear();
  };
  if (arguments.markdown) {
    memory->export_markdown(memory.filter(), write);
  } else {
    memory->export_lines(write);
  }
  if (to_stdout) return;
  write_file_atomic(arguments.file, out);
  std::filesystem::permissions(arguments.file, std::filesystem::perms::owner_read |
                                                   std::filesystem::perms::owner_write);
  write_text(stderr, fmt::format("{} bytes written to {}\n", out.size(), arguments.file));
}

// An export says so in its first line.
bool is_export(const std::string& file) {
  std::ifstream in(file);
  std::string head(256, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  const std::string_view line = std::string_view(head).substr(0, head.find('\n'));
  return line.find("\"corvid-memory\"") != std::string_view::npos;
}

bool has_progress(const MemoryArguments& arguments) {
  return !arguments.json && ::isatty(STDERR_FILENO) != 0;
}

memory::ImportReport import_as(const MemoryArguments& arguments, memory::Memory& memory) {
  const std::string& format = arguments.format;
  if (format == "export" || (format == "auto" && is_export(arguments.file))) {
    return memory.import_export(arguments.file);
  }
  return memory.import_transcript(arguments.file, format, [&](int64_t done, int64_t total) {
    if (has_progress(arguments)) {
      write_text(stderr, fmt::format("\r{} of {} turns", done, total));
    }
  });
}

void import(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  const memory::ImportReport report = import_as(arguments, *memory);
  if (arguments.json) return print(memory::to_json(report));
  if (has_progress(arguments)) write_text(stderr, "\n");
  write_text(stdout, fmt::format("{} stored, {} there already, {} forgotten before, {} empty, {} "
                                 "secrets taken out\n",
                                 report.stored, report.duplicates, report.refused, report.empty,
                                 report.redactions));
}

void ingest(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  const memory::DocumentReport report = memory->ingest_documents(arguments.file);
  if (arguments.json) return print(memory::to_json(report));
  write_text(stdout,
             fmt::format("{} documents ({} skipped): {} pieces stored, {} there already, {} "
                         "withdrawn, {} secrets taken out\n",
                         report.documents, report.skipped, report.turns.stored,
                         report.turns.duplicates, report.withdrawn, report.turns.redactions));
}

void edit(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  const memory::WriteResult result = memory->edit(arguments.id, arguments.text);
  const auto stored = memory->turn(result.id);
  if (arguments.json && stored) return print(memory::to_json(*stored));
  write_text(stdout, memory::turn_name(result.id) + "\n");
}

// What is written belongs there, and only that is read, with what is seen from everywhere.
void set_scope(const std::string& name, memory::Scope& scope) {
  constexpr std::string_view kSession = "session:";
  if (name.empty() || name == "project") return;
  if (name == "user" || name == "tenant") {
    scope.project = memory::kEverywhere;
    if (name == "tenant") scope.user = memory::kEverywhere;
  } else if (name.starts_with(kSession) && name.size() > kSession.size()) {
    scope.session = name.substr(kSession.size());
  } else {
    fail(Code::invalid, "--scope " + name + ": project, user, tenant or session:NAME");
  }
}

void move(const MemoryArguments& arguments, bool is_promoted) {
  MemoryArguments from = arguments;
  from.scope.clear();
  if (is_promoted && !arguments.scope.empty() && arguments.scope != "user" &&
      arguments.scope != "tenant") {
    fail(Code::invalid, "promote to --scope user (which is meant without it) or tenant");
  }
  OpenedMemory memory(from);
  const int64_t count = is_promoted ? memory->promote(arguments.ids, arguments.scope == "tenant")
                                    : memory->demote(arguments.ids);
  if (arguments.json) return print({{"moved", count}});
  const std::string where = !is_promoted                  ? "where they were said"
                            : arguments.scope == "tenant" ? "by all users of the tenant"
                                                          : "in all your projects";
  write_text(stdout, fmt::format("{} turns are now seen {}\n", count, where));
}

void pause(const MemoryArguments& arguments, bool is_paused) {
  if (!arguments.scope.empty() && arguments.scope != "project") {
    fail(Code::invalid, "runs are paused of a workspace (-w DIR) or --everywhere, not of --scope " +
                            arguments.scope);
  }
  OpenedMemory memory(arguments);
  memory->set_paused(is_paused, arguments.everywhere);
  const std::string& project = memory->scope().project;
  const std::string where = arguments.everywhere || project.empty() ? "this store" : project;
  if (arguments.json) return print({{"paused", memory->is_paused()}, {"where", where}});
  write_text(stdout, fmt::format("{}: runs {} remember and recall\n", printable(where),
                                 memory->is_paused() ? "no longer" : "again"));
}

}  // namespace

OpenedMemory::OpenedMemory(const MemoryArguments& arguments,
                           std::optional<std::stop_token> stop) {
  const Paths paths = find_paths();
  const MemorySettings settings = read_memory_settings(paths);
  memory::MemoryConfig config;
  const std::filesystem::path project = arguments.workspace.empty()
                                            ? std::filesystem::current_path()
                                            : std::filesystem::path(arguments.workspace);
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(project, error);
  config.location = arguments.store.empty() ? settings.store : arguments.store;
  config.durability = settings.durability;
  config.scope.tenant = arguments.tenant;
  config.scope.user = arguments.user;
  config.scope.project = arguments.store.empty() || !arguments.workspace.empty()
                             ? (error ? project : canonical).string()
                             : "";
  set_scope(arguments.scope, config.scope);
  const std::string& embedder = arguments.embedder.empty() ? settings.embedder
                                                           : arguments.embedder;
  memory::Ports ports = memory_ports(paths, embedder);
  ports.model = arguments.model.empty() ? settings.model : arguments.model;
  if (stop && !ports.model.empty()) ports.complete = memory_model(ports.model, paths, *stop);
  has_model_ = bool(ports.complete);
  memory_ = std::make_unique<memory::Memory>(config, std::move(ports));
  filter_.scope = config.scope;
  // Without a workspace of that name everything of this user is meant: people ask from anywhere.
  filter_.all_projects = arguments.scope == "user" || (arguments.scope.empty() &&
                                                      arguments.workspace.empty());
}

void expect_known(OpenedMemory& memory, const MemoryArguments& arguments) {
  std::error_code ignored;
  if (!arguments.store.empty() || arguments.workspace.empty()) return;
  if (std::filesystem::exists(arguments.workspace, ignored)) return;
  if (!memory->cells(memory.filter(), 1).empty()) return;
  fail(Code::not_found,
       "no such folder, and nothing is remembered of it: " + arguments.workspace);
}

void add_memory_transfer(const MemoryCommand& command, const SharedArguments& arguments) {
  Command made = command("export", "All of it as JSON lines, or as Markdown for people");
  made.option("file", arguments->file, "Standard output unless given");
  made.flag("--markdown", arguments->markdown, "To read; cannot be imported");
  made.callback([arguments] { export_memory(*arguments); });
  made.footer(
      "Importing an export into an empty store gives the same memory: ids, history, what was\n"
      "forgotten. Examples:\n  corvid memory export backup.jsonl\n"
      "  corvid memory --store ./copy import backup.jsonl\n  corvid memory export --markdown");
  made = command("import", "Take in transcripts, or an export");
  made.option("file", arguments->file, "The transcript").required();
  made.option("--format", arguments->format,
              "auto, turns, chat (OpenAI, Anthropic, ChatGPT and claude.ai exports), codex, "
              "claude-code, pi, text, export");
  made.callback([arguments] { import(*arguments); });
  made.footer(
      "turns, each line: "
      "{\"session\":\"s1\",\"id\":\"1\",\"speaker\":\"Ann\",\"when\":\"2026-03-04T05:06:07Z\","
      "\"text\":\"...\"[,\"role\":\"user\"]}; ids are unique in the file.\n"
      "Importing again, or a longer transcript of the same conversation, adds only what is new.\n"
      "Examples:\n  corvid memory --store ./m import --format turns talk.jsonl\n"
      "  corvid memory import ~/.codex/sessions/2026/01/02/rollout-1.jsonl -w .");
  made = command("ingest", "Take in the text documents of a folder");
  made.option("folder", arguments->file, "With .md, .rst, .txt, .adoc or .org files").required();
  made.callback([arguments] { ingest(*arguments); });
  made.footer(
      "Again after changes: new pieces are added, pieces that are gone are withdrawn.\n"
      "Example: corvid memory ingest docs -w .");
  made = command("edit", "Correct a turn, or the value of a fact");
  made.option("id", arguments->id, "t12 or f6").required();
  made.option("text", arguments->text, "What is right").required();
  made.callback([arguments] { edit(*arguments); });
  made.footer(
      "The old version is kept for `why`, and never recalled again. Examples:\n"
      "  corvid memory edit t12 \"the staging port is 8443\"\n  corvid memory edit f6 8443");
  made = command("promote", "Show turns in every project of yours, or to all users of the tenant");
  made.option("id", arguments->ids, "t12, c3 (all its turns) or f6 (its turn)").required();
  made.callback([arguments] { move(*arguments, true); });
  made.footer("Examples:\n  corvid memory promote f6\n"
              "  corvid memory promote t12 --scope tenant --tenant acme");
  made = command("demote", "Show turns only where they were said again");
  made.option("id", arguments->ids, "t12, c3 or f6").required();
  made.callback([arguments] { move(*arguments, false); });
  made.footer("Example: corvid memory demote f6");
  made = command("pause", "Runs neither remember nor recall, until resume");
  made.flag("--everywhere", arguments->everywhere, "In all workspaces");
  made.callback([arguments] { pause(*arguments, true); });
  made.footer("Example: corvid memory pause -w .");
  made = command("resume", "Runs remember and recall again");
  made.flag("--everywhere", arguments->everywhere, "Ends a pause of all workspaces");
  made.callback([arguments] { pause(*arguments, false); });
  made.footer("Example: corvid memory resume -w .");
}

}  // namespace corvid::runtime
