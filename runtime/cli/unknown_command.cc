#include "runtime/cli/unknown_command.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/text.h"

namespace corvid::runtime {
namespace {

// Letters put in, taken out, or replaced (Levenshtein).
size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t corner = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
    }
  }
  return row.back();
}

std::vector<std::string> nearest(const std::string& word, const std::vector<std::string>& names) {
  std::vector<std::string> near;
  for (const std::string& name : names) {
    const size_t slips = std::max<size_t>(1, std::min(word.size(), name.size()) / 3);
    if (distance(word, name) <= slips || name.starts_with(word)) near.push_back(name);
  }
  return near;
}

}  // namespace

std::string unknown_command(const std::string& word, const std::string& path,
                            const std::vector<std::string>& names) {
  const std::vector<std::string> near = nearest(std::string(truncate_utf8(word, 64)), names);
  std::string text = "unknown command '" + printable(word) + "'";
  if (!path.empty()) text += " of " + path;
  text += near.empty() ? "; there are: " + join(names, " ")
                       : "; did you mean " + join(near, " or ") + "?";
  return text;
}

}  // namespace corvid::runtime
