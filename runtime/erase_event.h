#pragma once
// Erasing from one event of a session's log.

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/event.h"

namespace corvid::runtime {

// Texts to be erased. ASCII letter case and blanks around a text are ignored; the longest that fits
// goes first, so that one that contains another goes as a whole.
class Needles {
 public:
  void add(std::string_view text);
  // The text and, for what holds parts of it, its longer lines.
  void add_lines(std::string_view text);

  // Puts "[forgotten]" in their place; true when there was any. That mark is never part of a match.
  bool erase(std::string& text) const;
  bool are_in(std::string_view text) const;

 private:
  struct Found {
    size_t at = 0, bytes = 0;
  };
  void add_one(std::string text);
  bool find(std::string_view text, size_t from, Found& found) const;

  std::unordered_map<std::string, std::vector<std::string>> begins_;  // by their first bytes
  std::array<bool, 256> can_begin_{};
};

// What a pass over one log erases.
struct EraseOrders {
  Needles needles;
  std::set<std::string> recalled;      // "[t12 ": the beginning of recalled lines
  std::set<int64_t> sequences;         // events to blank
  std::set<std::string> calls;         // calls to blank with what they did
  std::set<std::string> call_results;  // calls of which the result goes
  bool has_task = false;               // the session's task goes
};

// Erases contents only: types, times, roles, the program's own tools, verdicts, states and ids
// stay, and the workspace's path, so that the log can be read as before. True when something was
// erased.
bool erase_from_event(Event& event, const EraseOrders& orders);

}  // namespace corvid::runtime
