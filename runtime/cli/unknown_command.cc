#include "runtime/cli/unknown_command.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include <CLI/CLI.hpp>

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

std::string unknown_command(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path;
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().back();
    path += (path.empty() ? "" : " ") + at->get_name();
  }
  std::string word;
  for (const std::string& each : at->remaining()) {
    if (word.empty() && !each.starts_with('-')) word = each;
  }
  std::vector<std::string> names;
  for (const CLI::App* each : at->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  if (word.empty() || names.empty()) return {};
  const std::vector<std::string> near = nearest(std::string(truncate_utf8(word, 64)), names);
  return "unknown command '" + printable(word) + "'" + (path.empty() ? "" : " of " + path) +
         (near.empty() ? "; there are: " + join(names, " ")
                       : "; did you mean " + join(near, " or ") + "?");
}

}  // namespace corvid::runtime
