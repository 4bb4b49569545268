#pragma once
// Passages of texts, walked byte by byte: what may be written where an argument has to copy.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/constraint.h"
#include "runtime/base/once.h"

namespace corvid::engine {

// All passages of some texts, by a sorted list of the places where one may begin: those that begin
// as what is written so far are neighbours in it. Const and thread-safe after construction.
class Passages {
 public:
  // Where a passage stands: the part [low, high) of the list, and how many bytes are written. It
  // begins at `from` in the texts, or behind; the first of the part does.
  struct Place {
    int32_t low = 0, high = 0;
    int32_t depth = 0;
    int32_t from = 0;
    bool is_alive() const { return low < high; }
  };

  // UTF-8 texts. `is_json`: passages are written as in a JSON string, else as they are. `by_lines`:
  // they begin where a line does, and the last line has an end, too.
  Passages(std::span<const std::string> texts, bool is_json, bool by_lines = false);

  bool empty() const { return starts_.empty(); }
  Place begin(int32_t from = 0) const;
  // Behind all texts, where no passage begins.
  int32_t end() const { return static_cast<int32_t>(text_.size()); }
  // False: no passage goes on so; `place` is then dead. Of passages that are alike for
  // kSortedBytes, the first alone goes on.
  bool step(Place& place, uint8_t byte) const;
  // Between two characters, that is neither inside of one nor of an escape.
  bool is_between(const Place& place) const;
  // What is missing up to there; a whole character where nothing is written.
  std::string rest(const Place& place) const;
  // Whether a passage that stands there goes on at all.
  bool goes_on(const Place& place) const;
  // Behind what is written, where it stands first.
  int32_t behind(const Place& place) const;
  // Between two characters: up to and with the next `newline`, as it is written.
  std::string rest_of_line(const Place& place, std::string_view newline) const;

 private:
  static constexpr int32_t kSortedBytes = 1024;

  int byte_at(int32_t start, int32_t depth) const;  // -1: its text ends there
  void skip_before_from(Place& place) const;

  std::string text_;  // all of them, each ended by kTextEnd
  std::vector<bool> is_start_;  // by place in `text_`: a character begins there, or the text ends
  std::vector<int32_t> starts_;
};

// What arguments may be copied from (ConstraintSpec::sources), each read when it is first needed.
// Thread-safe.
class PassageSources {
 public:
  static constexpr int16_t kAny = -1;   // no source is named
  static constexpr int16_t kFree = -2;  // something else is

  PassageSources(std::vector<CopySource> sources, bool is_json, bool by_lines = false);

  // nullptr: there is nothing to copy from, and any text may be written.
  const Passages* passages(int16_t source) const;
  const std::vector<CopySource>& sources() const { return sources_; }

 private:
  struct Entry {
    Once once;
    std::optional<Passages> passages;
  };

  std::vector<CopySource> sources_;
  bool is_json_, by_lines_;
  mutable std::vector<std::unique_ptr<Entry>> entries_;  // the last one is of all sources together
};

}  // namespace corvid::engine
