#include "tools/support/text_file.h"

#include "runtime/base/check.h"

namespace corvid::tools {
namespace {

constexpr size_t kBinaryProbeBytes = 8000;  // as git looks

size_t mark_size(std::string_view content) {
  return content.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

}  // namespace

std::vector<TextLine> text_lines(std::string_view text) {
  std::vector<TextLine> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      lines.push_back({text, {}});
      break;
    }
    const bool has_return = end > 0 && text[end - 1] == '\r';
    const size_t size = has_return ? end - 1 : end;
    lines.push_back({text.substr(0, size), text.substr(size, end + 1 - size)});
    text.remove_prefix(end + 1);
  }
  return lines;
}

bool is_binary(std::string_view content) {
  return content.substr(0, kBinaryProbeBytes).find('\0') != std::string_view::npos;
}

std::string_view usual_ending(std::string_view text) {
  int64_t with_return = 0;
  int64_t all = 0;
  for (size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos; ++at) {
    ++all;
    if (at > 0 && text[at - 1] == '\r') ++with_return;
  }
  return 2 * with_return > all ? "\r\n" : "\n";
}

std::string with_endings(std::string_view text, std::string_view ending) {
  std::string out;
  out.reserve(text.size());
  for (const TextLine& line : text_lines(text)) {
    out += line.text;
    if (!line.ending.empty()) out += ending;
  }
  return out;
}

std::string normal_text(std::string_view content) {
  return with_endings(content.substr(mark_size(content)), "\n");
}

std::string change_line(std::string_view content, int line, LineChange change,
                        std::string_view new_text) {
  const size_t mark = mark_size(content);
  const std::vector<TextLine> lines = text_lines(content.substr(mark));
  const size_t index = size_t(line - 1);
  CHECK(line >= 1);
  CHECK(index < lines.size() + (change == LineChange::insert ? 1 : 0));
  const std::string_view ending = usual_ending(content);
  std::string out(content.substr(0, mark));
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i == index && change == LineChange::insert) out.append(new_text).append(ending);
    if (i == index && change == LineChange::erase) continue;
    out += i == index && change == LineChange::replace ? new_text : lines[i].text;
    out += lines[i].ending;
  }
  if (index == lines.size()) {
    const bool was_open = !lines.empty() && lines.back().ending.empty();
    if (was_open) out += ending;
    out += new_text;
    if (!was_open) out += ending;
  }
  // The last line of a file without a final newline was erased: the line before it is last now.
  if (change == LineChange::erase && index + 1 == lines.size() && lines[index].ending.empty()) {
    if (out.ends_with("\n")) out.pop_back();
    if (out.ends_with("\r")) out.pop_back();
  }
  return out;
}

std::optional<std::string_view> line_at(std::string_view content, int line) {
  const std::vector<TextLine> lines = text_lines(content.substr(mark_size(content)));
  if (line < 1 || size_t(line) > lines.size()) return std::nullopt;
  return lines[size_t(line - 1)].text;
}

}  // namespace corvid::tools
