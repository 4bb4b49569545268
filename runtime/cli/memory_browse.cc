#include <fmt/format.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/memory_command.h"
#include "runtime/cli/terminal.h"

namespace corvid::runtime {
namespace {

constexpr size_t kLineBytesMax = 120;

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

}  // namespace

void add_memory_browse(const MemoryCommand& command, const SharedArguments& arguments) {
  Command made = command("scenes", "MemCells of one theme together, newest first");
  made.option("--limit", arguments->limit, "At most so many").range(1, 1000000);
  made.callback([arguments] { scenes(*arguments); });
  made.footer("Example: corvid memory scenes --limit 5 -w .");
  made = command("foresight", "What was planned, and what became of it");
  made.flag("--all", arguments->all, "Kept, expired and withdrawn plans, too");
  made.option("--at", arguments->at, "As of then (RFC 3339); now unless given");
  made.callback([arguments] { foresight(*arguments); });
  made.footer("Example: corvid memory foresight --all --at 2026-03-01");
}

}  // namespace corvid::runtime
