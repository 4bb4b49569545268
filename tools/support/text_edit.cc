#include "tools/support/text_edit.h"

#include <algorithm>
#include <bitset>
#include <span>

#include "runtime/base/text.h"
#include "tools/support/line_match.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr size_t kComparedLinesMax = 20'000;
constexpr size_t kPassageLinesMax = 12;
constexpr double kSimilarEnough = 0.45;  // of the whole passage

// The pairs of neighbouring characters of a line, hashed to a set: enough to compare lines.
using Pairs = std::bitset<256>;

Pairs pairs_of(std::string_view line) {
  line = trim(line);
  Pairs pairs;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    const unsigned a = static_cast<unsigned char>(line[i]);
    const unsigned b = static_cast<unsigned char>(line[i + 1]);
    pairs.set((a * 31 + b * 7) % pairs.size());
  }
  return pairs;
}

double similarity(const Pairs& a, const Pairs& b) {
  const size_t size = a.count() + b.count();
  return size == 0 ? 0 : 2.0 * double((a & b).count()) / double(size);
}

TextEdit replace_in(std::string_view content, std::string_view old_text,
                    std::string_view new_text) {
  TextEdit edit;
  size_t place = 0;
  int line = 1;
  size_t counted_to = 0;
  for (size_t at = 0; (at = content.find(old_text, at)) != std::string_view::npos; ++at) {
    if (edit.match_count++ == 0) place = at;
    if (int(edit.match_lines.size()) == kMatchLinesMax) continue;
    line += int(
        std::count(content.begin() + ptrdiff_t(counted_to), content.begin() + ptrdiff_t(at), '\n'));
    counted_to = at;
    edit.match_lines.push_back(line);
  }
  if (edit.match_count != 1) return edit;
  edit.content = std::string(content.substr(0, place));
  edit.content.append(new_text).append(content.substr(place + old_text.size()));
  return edit;
}

std::vector<std::string_view> texts_of(std::string_view text) {
  std::vector<std::string_view> texts;
  for (const TextLine& line : text_lines(text)) texts.push_back(line.text);
  return texts;
}

// The passage as whole lines that say the same.
TextEdit replace_lines(std::string_view content, std::string_view old_text,
                       std::string_view new_text) {
  TextEdit edit;
  const std::vector<TextLine> lines = text_lines(content);
  const std::vector<std::string_view> texts = texts_of(content), wanted = texts_of(old_text);
  if (trim(old_text).empty()) return edit;
  std::vector<size_t> found;
  for (const LineFit fit : kLineFits) {
    if (found.empty()) found = find_lines(texts, wanted, fit);
  }
  edit.match_count = int(found.size());
  for (const size_t at : found) {
    if (int(edit.match_lines.size()) < kMatchLinesMax) edit.match_lines.push_back(int(at) + 1);
  }
  if (found.size() != 1) return edit;
  const size_t place = found.front(), end = place + wanted.size();
  const auto replaced = std::span<const std::string_view>(texts).subspan(place, wanted.size());
  const Indentation indentation(replaced, wanted);
  const std::string_view ending = usual_ending(content);
  for (size_t i = 0; i < place; ++i) edit.content.append(lines[i].text).append(lines[i].ending);
  for (const std::string_view line : texts_of(new_text)) {
    edit.content.append(indentation.of(line)).append(ending);
  }
  for (size_t i = end; i < lines.size(); ++i) {
    edit.content.append(lines[i].text).append(lines[i].ending);
  }
  const bool is_at_end = end == lines.size() && !content.ends_with('\n');
  if (is_at_end && edit.content.ends_with(ending)) {
    edit.content.resize(edit.content.size() - ending.size());
  }
  return edit;
}

}  // namespace

TextEdit replace_once(std::string_view content, std::string_view old_text,
                      std::string_view new_text) {
  const std::string_view ending = usual_ending(content);
  const std::string fitting_new = with_endings(new_text, ending);
  TextEdit edit = replace_in(content, old_text, fitting_new);
  if (edit.match_count == 0 && ending == "\r\n") {
    edit = replace_in(content, with_endings(old_text, ending), fitting_new);
  }
  if (edit.match_count == 0 && old_text.size() > 1 && old_text.ends_with('\n') &&
      !content.ends_with('\n')) {
    old_text.remove_suffix(1);
    const std::string wanted = with_endings(old_text, ending);
    if (content.ends_with(wanted)) {
      if (new_text.ends_with('\n')) new_text.remove_suffix(1);
      edit.match_count = 1;
      edit.content = std::string(content.substr(0, content.size() - wanted.size()));
      edit.match_lines = {1 + int(std::ranges::count(edit.content, '\n'))};
      edit.content += with_endings(new_text, ending);
    }
  }
  return edit.match_count == 0 ? replace_lines(content, old_text, new_text) : edit;
}

std::string closest_lines(std::string_view content, std::string_view text) {
  std::vector<TextLine> lines = text_lines(content);
  if (lines.size() > kComparedLinesMax) lines.resize(kComparedLinesMax);
  std::vector<Pairs> wanted;
  for (const TextLine& line : text_lines(text)) {
    if (wanted.size() == kPassageLinesMax) break;
    wanted.push_back(pairs_of(line.text));
  }
  while (!wanted.empty() && wanted.back().none()) wanted.pop_back();
  if (wanted.empty() || lines.empty()) return "";
  std::vector<Pairs> found;
  for (const TextLine& line : lines) found.push_back(pairs_of(line.text));
  size_t best = 0;
  double best_score = -1;
  for (size_t start = 0; start < lines.size(); ++start) {
    double score = 0;
    for (size_t i = 0; i < wanted.size() && start + i < lines.size(); ++i) {
      score += similarity(wanted[i], found[start + i]);
    }
    if (score > best_score) {
      best_score = score;
      best = start;
    }
  }
  if (best_score < kSimilarEnough * double(wanted.size())) return "";
  std::string out;
  for (size_t i = best; i < std::min(lines.size(), best + wanted.size()); ++i) {
    out += std::to_string(i + 1) + "|" + to_utf8(truncate_utf8(lines[i].text, 400)) + "\n";
  }
  return out;
}

}  // namespace corvid::tools
