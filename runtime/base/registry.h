#pragma once

#include <span>
#include <string>
#include <string_view>

#include "runtime/base/error.h"

namespace corvid {

// One line of a plug-in table.
template <typename Make>
struct Entry {
  std::string_view name;  // as written in files and configurations
  Make make;
};

// Returns the maker called `name`, or throws not_found with every known name.
template <typename Make>
Make find_maker(std::span<const Entry<Make>> table, const std::string& kind,
                std::string_view name) {
  std::string known;
  for (const Entry<Make>& entry : table) {
    if (entry.name == name) return entry.make;
    known.append(" ").append(entry.name);
  }
  fail(Code::not_found, "unknown " + kind + " '" + std::string(name) + "'; known:" + known);
}

}  // namespace corvid
