#include <unistd.h>

#include <fmt/format.h>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/memory_command.h"
#include "runtime/cli/terminal.h"

namespace corvid::runtime {
namespace {

constexpr size_t kLineBytesMax = 120;
constexpr int kFactsMax = 100'000;

std::string day_of(Time time) { return format_time(time).substr(0, 10); }

template <typename Items>
void print_all(const Items& items) {
  Json json = Json::array();
  for (const auto& item : items) json.push_back(memory::to_json(item));
  write_text(stdout, dump_json(json) + "\n");
}

void scenes(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  expect_known(memory, arguments);
  const std::vector<memory::MemScene> found = memory->scenes(memory.filter(), arguments.limit);
  if (arguments.json) return print_all(found);
  if (found.empty()) write_text(stderr, "nothing is remembered yet\n");
  for (const memory::MemScene& scene : found) {
    std::string cells;
    for (const memory::CellId id : scene.cells) cells += " " + memory::cell_name(id);
    write_text(stdout,
               fmt::format("{:<5} {} to {}  {} turns  {}\n     {}\n", scene.id,
                           day_of(scene.from), day_of(scene.to), scene.turn_count,
                           printable(scene.label), truncate_utf8(cells, kLineBytesMax)));
  }
}

void foresight(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  expect_known(memory, arguments);
  const Time at = arguments.at.empty() ? system_now() : parse_time(arguments.at);
  std::vector<memory::Foresight> found = memory->foresights(memory.filter(), at);
  if (!arguments.all) {
    std::erase_if(found, [](const memory::Foresight& one) {
      return one.status != memory::Foresight::Status::planned;
    });
  }
  if (arguments.json) return print_all(found);
  if (found.empty()) write_text(stderr, "nothing is planned\n");
  for (const memory::Foresight& one : found) {
    const std::string closed =
        one.closed_by == 0 ? "" : " by " + memory::turn_name(one.closed_by);
    write_text(stdout, fmt::format("{} to {}  {}{}  {}: {}  [{}]\n", day_of(one.valid_from),
                                   one.valid_to ? day_of(*one.valid_to) : "no end    ",
                                   memory::status_name(one.status), closed,
                                   printable(one.subject), printable(one.text),
                                   memory::turn_name(one.turn)));
  }
}

void decide(const MemoryArguments& arguments) {
  if (arguments.action != "approve" && arguments.action != "reject") {
    fail(Code::invalid, "'" + arguments.action + "': profile, profile approve p7, or"
                        " profile reject p7");
  }
  if (arguments.ids.empty()) fail(Code::invalid, arguments.action + " which? Ids look like p7");
  OpenedMemory memory(arguments);
  const bool approves = arguments.action == "approve";
  Json done = Json::array();
  for (const std::string& id : arguments.ids) {
    memory->decide(id, approves);
    const std::string status = approves ? "approved" : "rejected";
    if (!arguments.json) write_text(stdout, id + " " + status + "\n");
    done.push_back({{"id", id}, {"status", status}});
  }
  if (arguments.json) write_text(stdout, dump_json(done) + "\n");
}

bool is_settled(const memory::ProfileItem& item) {
  using Status = memory::ProfileItem::Status;
  const bool is_fact = item.kind == memory::ProfileItem::Kind::fact;
  return item.status == Status::rejected || (is_fact && item.status != Status::proposed);
}

void profile(const MemoryArguments& arguments) {
  OpenedMemory memory(arguments);
  expect_known(memory, arguments);
  std::vector<memory::Fact> facts = memory->facts(memory.filter(), kFactsMax);
  std::vector<memory::ProfileItem> items = memory->profile(memory.filter());
  if (!arguments.all) {
    std::erase_if(facts, [](const memory::Fact& fact) {
      return fact.status == memory::Fact::Status::superseded ||
             fact.status == memory::Fact::Status::confirmed;
    });
    std::erase_if(items, is_settled);
  }
  if (arguments.json) {
    Json json = Json::array();
    for (const memory::Fact& fact : facts) json.push_back(memory::to_json(fact));
    for (const memory::ProfileItem& item : items) json.push_back(memory::to_json(item));
    return write_text(stdout, dump_json(json) + "\n");
  }
  if (facts.empty() && items.empty()) write_text(stderr, "nothing was stated yet\n");
  for (const memory::Fact& fact : facts) {
    const std::string subject = fact.subject.empty() ? "project" : fact.subject;
    write_text(stdout, fmt::format("{:<5} {}  {}: {} = {}  [{}, {}, {}]\n",
                                   memory::fact_name(fact.id),
                                   format_time(fact.valid_from).substr(0, 16), printable(subject),
                                   printable(fact.key), printable(fact.value),
                                   memory::status_name(fact.status), memory::tier_name(fact.tier),
                                   memory::turn_name(fact.turn)));
  }
  for (const memory::ProfileItem& item : items) {
    const bool is_fact = item.kind == memory::ProfileItem::Kind::fact;
    std::string turns;
    for (const memory::TurnId turn : item.turns) turns += ", " + memory::turn_name(turn);
    write_text(stdout, fmt::format("{:<5} {}  {}: {}{}{}  [{}, by a model{}]\n",
                                   memory::item_name(item.id),
                                   format_time(item.at).substr(0, 16),
                                   printable(item.subject.empty() ? "project" : item.subject),
                                   printable(item.key), is_fact ? " = " : ": ",
                                   printable(item.text), memory::status_name(item.status), turns));
  }
}

void consolidate(const MemoryArguments& arguments, std::stop_token stop) {
  OpenedMemory memory(arguments, stop);
  expect_known(memory, arguments);
  expect_model(memory);
  memory::ConsolidateOptions options;
  options.cells_max = arguments.limit;
  options.stop = stop;
  if (!arguments.json && ::isatty(STDERR_FILENO) != 0) {
    options.progress = [](int done, int all) {
      write_text(stderr, fmt::format("\r{} of {} cells", done, all) + (done == all ? "\n" : ""));
    };
  }
  const memory::ConsolidateReport report = memory->consolidate(memory.filter(), options);
  if (arguments.json) return write_text(stdout, dump_json(memory::to_json(report)) + "\n");
  write_text(stdout, fmt::format("{} cells told ({} unusable answers, {} still wait): {} facts, {} "
                                 "plans, {} proposals, {} scenes; {} without support dropped\n",
                                 report.cells, report.unusable, report.waiting, report.facts,
                                 report.foresights, report.proposals, report.scenes,
                                 report.dropped));
}

}  // namespace

void expect_model(const OpenedMemory& memory) {
  if (memory.has_model()) return;
  fail(Code::invalid, "no model to ask: name one with --model, or as [memory] model in"
                      " config.toml");
}

void add_memory_browse(const MemoryCommand& command, const SharedArguments& arguments,
                       CommandContext& context) {
  Command made = command("scenes", "MemCells of one theme together, newest first");
  made.option("--limit", arguments->limit, "At most so many").range(1, 1000000);
  made.callback([arguments] { scenes(*arguments); });
  made.footer("Example: corvid memory scenes --limit 5 -w .");
  made = command("foresight", "What was planned, and what became of it");
  made.flag("--all", arguments->all, "Kept, expired and withdrawn plans, too");
  made.option("--at", arguments->at, "As of then (RFC 3339); now unless given");
  made.callback([arguments] { foresight(*arguments); });
  made.footer("Example: corvid memory foresight --all --at 2026-03-01");
  made = command("profile", "What is stated of whom, by which turn, and what a model proposes");
  made.option("action", arguments->action, "approve or reject, then ids of proposals");
  made.option("id", arguments->ids, "p7");
  made.flag("--all", arguments->all, "What is superseded, repeated or rejected, too");
  made.callback([arguments] {
    arguments->action.empty() ? profile(*arguments) : decide(*arguments);
  });
  made.footer(
      "Facts hold; traits, and facts of a model's that are not what is known, are proposals until\n"
      "you approve them or say so yourself. Examples:\n  corvid memory profile --all --json\n"
      "  corvid memory profile approve p7");
  made = command("consolidate", "Have a model tell of MemCells and scenes, newest first");
  made.option("--model", arguments->model, "That model; default: [memory] model of config.toml");
  made.option("--limit", arguments->limit, "MemCells, and as many scenes").range(1, 1000000);
  made.callback([arguments, &context] { consolidate(*arguments, context.stop); });
  made.footer(
      "Never done unless asked for: here, or after each run with [memory] model = \"NAME\" and\n"
      "consolidate = \"after-runs\". What the turns do not say is dropped.\n"
      "Example: corvid memory consolidate --model openai:NAME --limit 50");
}

}  // namespace corvid::runtime
