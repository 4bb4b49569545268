#include "tools/support/line_match.h"

#include <algorithm>
#include <utility>

#include "runtime/base/text.h"

namespace corvid::tools {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view without_trailing_space(std::string_view line) {
  const size_t end = line.find_last_not_of(" \t\r");
  return end == line.npos ? std::string_view() : line.substr(0, end + 1);
}

std::string_view leading_blanks(std::string_view line) {
  return line.substr(0, std::min(line.find_first_not_of(kBlanks), line.size()));
}

// U+2010-2015, U+2212 dashes; U+2018-201F quotes; U+00A0, U+2002-200A, U+202F, U+205F, U+3000
// spaces.
std::string folded(std::string_view line) {
  static constexpr std::pair<std::string_view, char> kForms[] = {
      {"\u2010", '-'},  {"\u2011", '-'}, {"\u2012", '-'},  {"\u2013", '-'},  {"\u2014", '-'},
      {"\u2015", '-'},  {"\u2212", '-'}, {"\u2018", '\''}, {"\u2019", '\''}, {"\u201a", '\''},
      {"\u201b", '\''}, {"\u201c", '"'}, {"\u201d", '"'},  {"\u201e", '"'},  {"\u201f", '"'},
      {"\u00a0", ' '},  {"\u2002", ' '}, {"\u2003", ' '},  {"\u2004", ' '},  {"\u2005", ' '},
      {"\u2006", ' '},  {"\u2007", ' '}, {"\u2008", ' '},  {"\u2009", ' '},  {"\u200a", ' '},
      {"\u202f", ' '},  {"\u205f", ' '}, {"\u3000", ' '}};
  std::string out;
  for (size_t at = 0; at < line.size();) {
    if (static_cast<unsigned char>(line[at]) >= 0x80) {
      const auto form = std::find_if(std::begin(kForms), std::end(kForms), [&](const auto& each) {
        return line.substr(at).starts_with(each.first);
      });
      if (form != std::end(kForms)) {
        out += form->second;
        at += form->first.size();
        continue;
      }
    }
    out += line[at++];
  }
  return std::string(trim(out));
}

}  // namespace

bool lines_fit(std::string_view line, std::string_view wanted, LineFit fit) {
  if (line == wanted) return true;
  switch (fit) {
    case LineFit::exact:
      return false;
    case LineFit::trailing_space:
      return without_trailing_space(line) == without_trailing_space(wanted);
    case LineFit::indentation:
      return trim(line) == trim(wanted);
    case LineFit::punctuation:
      return folded(line) == folded(wanted);
  }
  return false;
}

std::vector<size_t> find_lines(std::span<const std::string_view> lines,
                               std::span<const std::string_view> wanted, LineFit fit,
                               size_t first) {
  std::vector<size_t> found;
  if (wanted.empty() || wanted.size() > lines.size()) return found;
  for (size_t at = first; at + wanted.size() <= lines.size(); ++at) {
    size_t i = 0;
    while (i < wanted.size() && lines_fit(lines[at + i], wanted[i], fit)) ++i;
    if (i == wanted.size()) found.push_back(at);
  }
  return found;
}

Indentation::Indentation(std::span<const std::string_view> found,
                         std::span<const std::string_view> wanted) {
  for (size_t i = 0; i < std::min(found.size(), wanted.size()); ++i) {
    if (trim(wanted[i]).empty()) continue;
    const std::string_view is = leading_blanks(found[i]), was = leading_blanks(wanted[i]);
    if (is.ends_with(was)) {
      added_ = is.substr(0, is.size() - was.size());
    } else if (was.ends_with(is)) {
      removed_ = was.size() - is.size();
    }
    return;  // the first line that says something decides
  }
}

std::string Indentation::of(std::string_view new_line) const {
  if (trim(new_line).empty()) return std::string(new_line);
  const size_t blanks = leading_blanks(new_line).size();
  return added_ + std::string(new_line.substr(std::min(removed_, blanks)));
}

}  // namespace corvid::tools
