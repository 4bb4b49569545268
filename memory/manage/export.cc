#include "memory/manage/export.h"

#include <algorithm>
#include <map>

#include "memory/recall/pack.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr int kFactsMax = 100'000;
constexpr size_t kLineBytesMax = 64 * 1024;

// Text that Markdown shows as it stands, on one line.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == '\t') {
      if (!out.empty() && out.back() != ' ') out += ' ';
      continue;
    }
    if (std::string_view("\\`*_<>[]|#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string day_of(Time time) { return format_time(time).substr(0, 10); }

}  // namespace

void export_lines(const Store& store, const WriteText& write) {
  std::string hash;
  int64_t count = 0;
  const auto put = [&](const Json& line) {
    const std::string text = dump_json(line);
    hash = sha256_hex(hash + text);
    write(text);
  };
  put({{"type", "corvid-memory"}, {"format", kStoreFormat}});
  store.for_each_row([&](const Json& line) {
    put(line);
    ++count;
  });
  write(dump_json({{"type", "end"}, {"rows", count}, {"sha256", hash}}));
}

void export_markdown(const Store& store, std::span<const ScopeId> scopes, const WriteText& write) {
  write("# What is remembered\n");
  std::string facts;
  for (const Fact& fact : store.facts(scopes, kFactsMax)) {
    if (fact.status == Fact::Status::confirmed) continue;
    facts += "* " + plain(fact.subject.empty() ? "project" : fact.subject) + ": " +
             plain(fact.key) + " = " + plain(fact.value) + " (" + day_of(fact.valid_from) + ", " +
             turn_name(fact.turn);
    if (fact.status != Fact::Status::active) facts += ", " + std::string(status_name(fact.status));
    facts += ")\n";
  }
  if (!facts.empty()) write("\n## Facts\n\n" + facts);
  int64_t session = 0;
  CellId cell = 0;
  // By session, then in the order in which things were said.
  std::map<int64_t, std::vector<TurnId>> sessions;
  store.for_each_turn(scopes, 0, [&](const TurnSummary& turn) {
    sessions[turn.session_key].push_back(turn.id);
  });
  for (const auto& [key, ids] : sessions) {
    for (const TurnId id : ids) {
      const std::optional<Turn> turn = store.turn(id);
      if (!turn) continue;
      if (key != session) write("\n## Session " + plain(turn->session) + "\n");
      session = key;
      const std::vector<CellId> cells = store.cells_of_turn(id);
      if (!cells.empty() && cells.front() != cell) {
        cell = cells.front();
        const std::optional<MemCell> found = store.cell(cell);
        const std::string title = found && !found->title.empty() ? plain(found->title) : "(open)";
        write("\n### " + cell_name(cell) + " " + title + "\n\n");
      }
      write("* `" + turn_name(id) + "` " + day_of(turn->said_at) + " **" + plain(turn->speaker) +
            "**: " + plain(head_and_tail(turn->text, kLineBytesMax)) + "\n");
    }
  }
}

}  // namespace corvid::memory
