#include "memory/ingest/recalled.h"

#include <algorithm>

#include "memory/memory.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The id when `line` starts with "[tN YYYY-MM-DD ", else 0.
TurnId recalled_line_id(std::string_view line) {
  line = trim(line);
  if (!line.starts_with("[t")) return 0;
  size_t i = 2;
  while (i < line.size() && is_digit(line[i])) ++i;
  const std::optional<int64_t> id = parse_id(line.substr(1, i - 1), 't');
  if (!id || line.size() < i + 12 || line[i] != ' ') return 0;
  const std::string_view date = line.substr(i + 1, 11);
  for (size_t k = 0; k < 10; ++k) {
    const bool is_dash = k == 4 || k == 7;
    if (is_dash ? date[k] != '-' : !is_digit(date[k])) return 0;
  }
  return date[10] == ' ' ? *id : 0;
}

void note_id(std::vector<TurnId>& ids, TurnId id) {
  if (id != 0 && std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
}

// A single mark, or one that the erasure of another puts together, must not reach a later context.
std::string without_marks(std::string_view text) {
  if (text.find("recalled-memory>") == std::string_view::npos) return std::string(text);
  std::string out;
  for (const char c : text) {
    out += c;
    for (const std::string_view mark : {kRecallBegin, kRecallEnd}) {
      if (c == '>' && out.ends_with(mark)) out.resize(out.size() - mark.size());
    }
  }
  return out;
}

}  // namespace

WithoutRecalled remove_recalled(std::string_view text) {
  WithoutRecalled result;
  std::string kept;
  while (!text.empty()) {
    const size_t begin = text.find(kRecallBegin);
    kept += text.substr(0, begin);
    if (begin == std::string_view::npos) break;
    const size_t end = text.find(kRecallEnd, begin);
    const std::string_view block = text.substr(begin, end == std::string_view::npos
                                                          ? std::string_view::npos
                                                          : end - begin);
    for (const std::string_view line : split_lines(block)) {
      note_id(result.injected_ids, recalled_line_id(line));
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + kRecallEnd.size());
  }
  kept = without_marks(kept);
  if (kept.find("[t") == std::string::npos) {
    result.text = std::move(kept);
    return result;
  }
  for (const std::string_view line : split_lines(kept)) {
    const TurnId id = recalled_line_id(line);
    note_id(result.injected_ids, id);
    if (id == 0) result.text.append(line).append("\n");
  }
  if (!kept.ends_with('\n') && result.text.ends_with('\n')) result.text.pop_back();
  return result;
}

}  // namespace corvid::memory
