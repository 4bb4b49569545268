#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/cli/memory_command.h"
#include "runtime/cli/terminal.h"
#include "runtime/erase.h"
#include "runtime/paths.h"
#include "runtime/run_scratch.h"
#include "sandbox/sandbox.h"

namespace corvid::runtime {
namespace {

constexpr size_t kAnswerBytesMax = 1 << 10;
constexpr int kPollMs = 100;
constexpr int kExitInterrupted = 130;
constexpr const char* kScopeHelp =
    "project, user, tenant or session:NAME: where something is written, and all that is read"
    " besides what is promoted; default: written to the project, read from all of yours unless -w"
    " names one";

using Opened = OpenedMemory;

std::string day_of(Time time) { return format_time(time).substr(0, 16); }

void print(const Json& json) { write_text(stdout, dump_json(json) + "\n"); }

void stats(const MemoryArguments& arguments) {
  Opened memory(arguments);
  const memory::MemoryStats stats = memory->stats();
  if (arguments.json) return print(memory::to_json(stats));
  write_text(stdout,
             fmt::format("store     {} (format {}, {} bytes)\ndurable   {}\nprojects  {}\n"
                         "sessions  {}\nturns     {} ({} bytes of text)\ncells     {}\n"
                         "facts     {}\nplans     {}\nvectors   {} ({})\n{}",
                         stats.location, stats.format, stats.file_bytes, stats.durability,
                         stats.scopes, stats.sessions, stats.turns, stats.text_bytes, stats.cells,
                         stats.facts, stats.foresights, stats.vectors,
                         stats.embedder.empty() ? "not in use: words only" : stats.embedder,
                         memory->is_paused() ? "paused    corvid memory resume goes on\n" : ""));
}

void list(const MemoryArguments& arguments) {
  Opened memory(arguments);
  expect_known(memory, arguments);
  const auto cells = memory->cells(memory.filter(), arguments.limit);
  if (arguments.json) {
    Json json = Json::array();
    for (const memory::MemCell& cell : cells) json.push_back(memory::to_json(cell));
    return print(json);
  }
  if (cells.empty()) write_text(stderr, "nothing is remembered yet\n");
  for (const memory::MemCell& cell : cells) {
    write_text(stdout, fmt::format("{:<5} {}  {:>3} turns  {}\n", memory::cell_name(cell.id),
                                   day_of(cell.opened_at), cell.turns.size(),
                                   truncate_utf8(printable(cell.title), 90)));
  }
}

void show(const MemoryArguments& arguments) {
  Opened memory(arguments);
  for (const std::string& id : arguments.ids) {
    std::vector<memory::Turn> turns;
    if (const auto number = memory::parse_id(id, 'c')) {
      const auto cell = memory->cell(*number);
      if (!cell.has_value()) fail(Code::not_found, "no memory " + id);
      if (arguments.json) {
        print(memory::to_json(*cell));
        continue;
      }
      write_text(stdout,
                 id + "  " + printable(cell->title) + "\n" + printable(cell->episode) + "\n");
      turns = memory->cell_turns(*cell);
    } else if (const auto turn_number = memory::parse_id(id, 't')) {
      const auto turn = memory->turn(*turn_number);
      if (!turn.has_value()) fail(Code::not_found, "no memory " + id);
      if (arguments.json) {
        print(memory::to_json(*turn));
        continue;
      }
      turns.push_back(*turn);
    } else {
      fail(Code::invalid, "not an id: '" + id + "' (c45 is a MemCell, t123 a turn)");
    }
    for (const memory::Turn& turn : turns) {
      write_text(stdout,
                 fmt::format("[{} {} {}] {}\n", memory::turn_name(turn.id), day_of(turn.said_at),
                             printable(turn.speaker), printable(turn.text)));
    }
  }
}

Json search_one(Opened& memory, const MemoryArguments& arguments, const std::string& question,
                const std::string& at) {
  memory::RecallOptions options;
  options.limit = arguments.limit;
  options.budget_tokens = arguments.budget;
  options.sub_queries = arguments.sub_queries;
  if (!at.empty()) options.at = parse_time(at);
  return memory::to_json(memory->recall(question, options, memory.filter()));
}

// The parts of each score, and what the context costs.
void explain(const Json& answer) {
  for (const Json& hit : answer.at("hits")) {
    std::string line = fmt::format("{:<6} {:.3f} ", hit.at("id").get<std::string>(),
                                   hit.at("score").get<double>());
    for (const auto& [name, value] : hit.at("reasons").items()) {
      line += fmt::format(" {} {:.2f}", name, value.get<double>());
    }
    write_text(stderr, printable(line) + "\n");
  }
  write_text(stderr, fmt::format("support {:.2f}, {} tokens, {:.1f} ms\n",
                                 answer.at("support").get<double>(),
                                 answer.at("tokens").get<int64_t>(),
                                 answer.at("ms").get<double>()));
}

void search(const MemoryArguments& arguments, CommandContext& context) {
  Opened memory(arguments, arguments.sub_queries > 0 ? std::optional(context.stop) : std::nullopt);
  if (arguments.sub_queries > 0) expect_model(memory);
  expect_known(memory, arguments);
  if (!arguments.batch.empty()) {
    int number = 0;
    const std::string content = read_file(arguments.batch);
    for (const std::string_view line : split_lines(content)) {
      ++number;
      if (trim(line).empty()) continue;
      const std::string where = arguments.batch + " line " + std::to_string(number);
      const Json query = parse_json(line, where);
      if (!query.is_object() || !query.contains("qid") || !query.contains("text")) {
        fail(Code::invalid, where + ": not {\"qid\",\"text\"[,\"at\"]}");
      }
      Json answer = search_one(memory, arguments, json_string(query, "text"),
                               json_string_or(query, "at", ""));
      answer["qid"] = query.at("qid");
      print(answer);
    }
    return;
  }
  if (arguments.question.empty()) fail(Code::invalid, "no question, and no --batch FILE");
  const Json answer = search_one(memory, arguments, arguments.question, arguments.at);
  if (arguments.json) return print(answer);
  if (arguments.explain) explain(answer);
  const std::string block = answer.at("context").get<std::string>();
  if (!block.empty()) return write_text(stdout, printable(block) + "\n");
  write_text(stdout, answer.at("hits").empty() ? std::string("not in memory\n")
                                               : "found, but nothing fits the budget of " +
                                                     std::to_string(arguments.budget) +
                                                     " tokens: raise --budget\n");
}

void why(const MemoryArguments& arguments) {
  Opened memory(arguments);
  for (const std::string& id : arguments.ids) {
    const auto found = memory->why(id);
    if (!found.has_value()) fail(Code::not_found, "no memory " + id);
    if (arguments.json) {
      print(memory::to_json(*found));
      continue;
    }
    write_text(stdout, id + ": a " + found->kind +
                           (found->deriver.empty() ? ", as it was said\n"
                                                   : ", derived by " + found->deriver + " from\n"));
    for (const memory::Turn& turn : found->sources) {
      write_text(stdout,
                 fmt::format("  [{} {} {} via {} in {}] {}\n", memory::turn_name(turn.id),
                             day_of(turn.said_at), printable(turn.speaker), printable(turn.channel),
                             printable(turn.session), truncate_utf8(printable(turn.text), 400)));
    }
    for (const memory::Event& event : found->history) {
      write_text(stdout, fmt::format("  {} {} by {} {}\n", day_of(event.at), event.op, event.actor,
                                     printable(event.reason)));
    }
  }
}

void add(const MemoryArguments& arguments) {
  if (trim(arguments.text).empty()) fail(Code::invalid, "nothing to remember");
  Opened memory(arguments);
  memory::NewTurn turn;
  turn.session = "notes";
  turn.role = "user";
  turn.speaker = arguments.speaker;
  turn.channel = "note";
  turn.tier = memory::Tier::user;
  turn.said_at = arguments.at.empty() ? system_now() : parse_time(arguments.at);
  turn.text = arguments.text;
  turn.allow_forgotten = true;  // the user says it again, knowingly
  turn.allow_paused = true;
  const memory::WriteResult result = memory->remember(turn);
  if (result.id == 0) fail(Code::invalid, "nothing to remember");
  const auto stored = memory->turn(result.id);
  if (arguments.json && stored) return print(memory::to_json(*stored));
  write_text(stdout, memory::turn_name(result.id) + "\n");
}

void rebuild(const MemoryArguments& arguments) {
  Opened memory(arguments);
  memory->rebuild();
  const memory::MemoryStats stats = memory->stats();
  if (arguments.json) return print(memory::to_json(stats));
  write_text(stdout, fmt::format("index, {} facts and {} vectors made anew from {} turns\n",
                                 stats.facts, stats.vectors, stats.turns));
}

void verify(const MemoryArguments& arguments, CommandContext& context) {
  Opened memory(arguments);
  const memory::VerifyReport report = memory->verify();
  if (!report.problems.empty()) context.exit_code = 2;
  if (arguments.json) {
    return print({{"sound", report.problems.empty()}, {"problems", report.problems},
                  {"turns", report.checked_turns}});
  }
  for (const std::string& problem : report.problems) write_text(stdout, printable(problem) + "\n");
  if (report.problems.empty()) {
    write_text(stdout, fmt::format("sound: {} turns checked\n", report.checked_turns));
  } else {
    write_text(stderr, "corvid memory rebuild makes index, facts and vectors anew\n");
  }
}

// A line from standard input without its newline; nullopt when the user wishes to stop. Signals are
// taken by another thread, so that a read would not be interrupted.
std::optional<std::string> read_answer(std::stop_token stop) {
  std::string answer;
  while (answer.size() < kAnswerBytesMax) {
    pollfd input{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&input, 1, kPollMs);
    if (stop.stop_requested()) return std::nullopt;
    if (ready <= 0) continue;
    char c = 0;
    if (::read(STDIN_FILENO, &c, 1) != 1 || c == '\n') break;
    answer += c;
  }
  return answer;
}

struct Found {
  memory::ForgetPreview preview;
  std::vector<std::string> sessions;  // whose logs hold it
};

void show_found(const Found& found) {
  for (const memory::Turn& turn : found.preview.turns) {
    write_text(stdout,
               fmt::format("[{} {} {}] {}\n", memory::turn_name(turn.id), day_of(turn.said_at),
                           printable(turn.speaker), truncate_utf8(printable(turn.text), 200)));
  }
  for (const memory::CellId cell : found.preview.told) {
    write_text(stdout, "what a model told of " + memory::cell_name(cell) + "\n");
  }
  for (const std::string& id : found.sessions) {
    write_text(stdout, "log of session " + printable(id) + "\n");
  }
}

// True: erase.
bool ask(const Found& found, CommandContext& context) {
  write_text(stderr, fmt::format("erase these {} turns, and it from {} session logs, for good? "
                                 "yes/no ",
                                 found.preview.turns.size(), found.sessions.size()));
  const std::optional<std::string> answer = read_answer(context.stop);
  if (answer == "yes") return true;
  write_text(stderr, "nothing was erased (--yes erases without asking)\n");
  context.exit_code = answer.has_value() ? 1 : kExitInterrupted;
  return false;
}

void report(const MemoryArguments& arguments, const memory::Forgotten& done, const Found& found,
            const Erased& erased) {
  if (arguments.json) {
    return print({{"forgotten", done.turn_count},
                  {"told", done.told_count},
                  {"ids", done.ids},
                  {"file_is_clean", done.file_is_clean},
                  {"sessions", found.sessions},
                  {"rewritten", erased.files},
                  {"remaining", erased.remaining}});
  }
  write_text(stdout, fmt::format("forgot {} turns; erased it from {} session logs, {} files "
                                 "rewritten or removed\n",
                                 done.turn_count, found.sessions.size(), erased.files.size()));
  if (!done.file_is_clean) {
    write_text(stderr, "another process reads the store, or the disk is full: the next opening"
                       " erases the rest\n");
  }
  for (const std::string& name : erased.remaining) {
    write_text(stderr, "still holds it, yours to decide: " + printable(name) + "\n");
  }
}

// Shows what would be erased; erases it with --yes, or after a "yes" on the terminal. The logs go
// first: what memory still holds can be asked for again when something fails.
void forget(const MemoryArguments& arguments, CommandContext& context) {
  Opened memory(arguments);
  memory::ForgetRequest request{arguments.ids, arguments.text, arguments.session};
  if (request.ids.empty() && trim(request.text).empty() && request.session.empty()) {
    fail(Code::invalid, "what to forget? Give ids (t12, c3), --text TEXT or --session ID");
  }
  Found found;
  found.preview = memory->find_to_forget(request, memory.filter());
  for (const std::string& id : arguments.ids) {
    if (!memory->why(id).has_value()) fail(Code::not_found, "no memory " + id);
  }
  std::optional<SessionEraser> logs;  // another store has none
  if (arguments.store.empty()) {
    Forgetting what{arguments.text, arguments.session, found.preview.turns, "", {}};
    what.is_told = [&](const std::string& workspace) {
      memory::ScopeFilter told = memory.filter();
      told.scope.project = workspace;
      told.all_projects = false;
      return !memory->find_to_forget(request, told).turns.empty();
    };
    if (!memory.filter().all_projects) what.workspace = memory.filter().scope.project;
    logs.emplace(find_paths(), std::move(what));
    found.sessions = logs->holding();
  }
  const bool is_remembered = !found.preview.turns.empty() || !found.preview.told.empty();
  if (!is_remembered && found.sessions.empty()) {
    if (!arguments.json) write_text(stdout, "nothing in memory and no session log matches\n");
    // What was taken from the logs before a failure may still stand in snapshots: they are named.
    if (arguments.json && !arguments.yes)
      return print({{"forgotten", 0}, {"sessions", found.sessions}});
    if (!arguments.yes) return;
  } else {
    if (!arguments.json) show_found(found);
    if (!arguments.yes && !ask(found, context)) return;
  }
  Erased erased;
  if (logs.has_value()) {
    logs->lock();
    erased = logs->erase();
    const Paths paths = find_paths();
    sweep_scratch(paths.scratch());  // copies of workspaces that killed runs have left
    sandbox::sweep_stages(paths.stages());
  }
  report(arguments, memory->forget(found.preview, arguments.reason), found, erased);
}

void add_upkeep(const MemoryCommand& command, const SharedArguments& arguments,
                CommandContext& context) {
  Command made = command("add", "Remember something that you state");
  made.option("text", arguments->text, "In words").required();
  made.option("--speaker", arguments->speaker, "Who states it");
  made.option("--at", arguments->at, "When it was said (RFC 3339); now unless given");
  made.callback([arguments] { add(*arguments); });
  made.footer("Example: corvid memory add \"the staging port is 8443\" -w .");
  made = command("rebuild", "Make index, facts and vectors anew from the turns");
  made.callback([arguments] { rebuild(*arguments); });
  made.footer("Example: corvid memory rebuild");
  made = command("verify", "Check pages, index, facts, vectors, sources and the chain of events");
  made.callback([arguments, &context] { verify(*arguments, context); });
  made.footer("Exit code 2 when something is wrong. Example: corvid memory verify --json");
}

}  // namespace

void add_memory(Command& app, CommandContext& context) {
  Command group = app.subcommand("memory", "What is remembered: see, search, erase");
  group.require_subcommand();
  const SharedArguments arguments = std::make_shared<MemoryArguments>();
  group.option("--store", arguments->store,
               "Another store: a folder, or postgresql://USER@HOST/DATABASE");
  group.option("-w,--workspace", arguments->workspace, "Only what belongs to this workspace");
  group.option("--embedder", arguments->embedder,
               "built-in, none (words only), or a table of token vectors; default: the"
               " configuration's [memory] embedder");
  group.option("--tenant", arguments->tenant, "Whose memory; tenants never see one another");
  group.option("--user", arguments->user,
               "Of the tenant's users, who see their own; stats, export, verify, rebuild and"
               " pause --everywhere are of the whole tenant");
  group.option("--scope", arguments->scope, kScopeHelp);
  const auto command = [&](const char* name, const char* help) {
    Command made = group.subcommand(name, help);
    made.fallthrough();
    made.flag("--json", arguments->json, "For programs");
    return made;
  };
  Command stats_command = command("stats", "How much, where");
  stats_command.callback([arguments] { stats(*arguments); });
  Command list_command = command("list", "MemCells, newest first");
  list_command.option("--limit", arguments->limit, "At most so many").range(1, 1000000);
  list_command.callback([arguments] { list(*arguments); });
  Command show_command = command("show", "One memory with its turns");
  show_command.option("id", arguments->ids, "c45 or t123").required();
  show_command.callback([arguments] { show(*arguments); });
  Command search_command = command("search", "What is known about a question");
  search_command.option("question", arguments->question, "In words");
  search_command.option("--limit", arguments->limit, "Hits").range(1, 1000000);
  search_command.option("--budget", arguments->budget, "Tokens of the context block")
      .range(0, 10000000);
  search_command.option("--at", arguments->at,
                        "The moment of asking (RFC 3339); what was said on later days is left out");
  search_command.option("--batch", arguments->batch, "JSON lines {\"qid\",\"text\"[,\"at\"]}");
  search_command.flag("--explain", arguments->explain, "Signals of each hit, token cost");
  search_command.option("--sub-queries", arguments->sub_queries,
                        "So many further questions that a model puts besides; 0 asks none")
      .range(0, memory::kSubQueriesMax);
  search_command.option("--model", arguments->model, "That model; default: [memory] model");
  search_command.callback([arguments, &context] { search(*arguments, context); });
  Command why_command = command("why", "Where a memory comes from");
  why_command.option("id", arguments->ids, "c45, t123, f6 or p7").required();
  why_command.callback([arguments] { why(*arguments); });
  Command forget_command = command("forget", "Erase for good, from all of Corvid's files");
  forget_command.option("id", arguments->ids, "c45, t123 or f6");
  forget_command.option("--text", arguments->text, "Everything that contains this");
  forget_command.option("--session", arguments->session, "Everything of this session");
  forget_command.option("--reason", arguments->reason, "For the record; never the content");
  forget_command.flag("--yes", arguments->yes, "Without asking");
  forget_command.callback([arguments, &context] { forget(*arguments, context); });
  add_upkeep(command, arguments, context);
  add_memory_browse(command, arguments, context);
  add_memory_transfer(command, arguments);
  stats_command.footer("Examples:\n  corvid memory stats\n  corvid memory stats --json");
  list_command.footer("Example: corvid memory list --limit 5");
  show_command.footer("Example: corvid memory show c3 t12 --json");
  search_command.footer(
      "Examples:\n  corvid memory search \"which port does staging use\"\n"
      "  corvid memory --store ./m search --batch questions.jsonl --json");
  why_command.footer("Example: corvid memory why c3");
  forget_command.footer(
      "Examples:\n  corvid memory forget --text \"4711\"\n  corvid memory forget t12 c3 --yes\n"
      "  corvid memory forget --session 20261121T140307250-1a2b");
  group.footer(
      "Examples:\n  corvid memory search \"which port does staging use\"\n"
      "  corvid memory forget --text \"4711\"\n"
      "  corvid memory --store ./m import --format turns talk.jsonl\n"
      "  corvid memory export backup.jsonl");
}

}  // namespace corvid::runtime
