#include "memory/manage/import_turns.h"

#include <unordered_set>

#include "memory/ingest/ingest.h"
#include "memory/ingest/times.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

NewTurn read_line(const Json& line) {
  if (!line.is_object()) fail(Code::invalid, "not a JSON object");
  NewTurn turn;
  turn.session = json_string(line, "session");
  turn.external_id = json_string(line, "id");
  turn.speaker = json_string(line, "speaker");
  turn.text = json_string(line, "text");
  turn.role = json_string_or(line, "role", "");
  const std::string when = json_string(line, "when");
  turn.said_at = parse_time(when);
  turn.said_offset = utc_offset(when);
  turn.channel = "import";
  if (turn.external_id.empty()) fail(Code::invalid, "an empty \"id\"");
  return turn;
}

}  // namespace

std::vector<NewTurn> read_turns_file(const std::filesystem::path& file) {
  const std::string content = read_file(file, kImportBytesMax);
  std::vector<NewTurn> turns;
  std::unordered_set<std::string> ids;
  int64_t number = 0;
  for (const std::string_view line : split_lines(content)) {
    ++number;
    if (trim(line).empty()) continue;
    const std::string where = file.string() + " line " + std::to_string(number);
    try {
      turns.push_back(read_line(parse_json(line, "turn")));
      prepare_turn(turns.back());
    } catch (const Error& error) {
      fail(Code::invalid, where + ": " + error.what());
    }
    if (!ids.insert(turns.back().external_id).second) {
      fail(Code::invalid, where + ": the id '" + turns.back().external_id + "' occurs twice");
    }
  }
  return turns;
}

}  // namespace corvid::memory
