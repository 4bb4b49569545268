#pragma once
// How near a name is to where it would stand: by its words, and by where it stood last.

#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tools/edits/features.h"

namespace corvid::tools::edits {

class Nearness {
 public:
  Nearness(const FileModel& model, const Unit& unit);

  // Shares, from 0 to 1, of the words of the name `id` ("max", "Width" of maxWidth): that the
  // other names of the line of token `first` have, the tokens [first, last) left out; that
  // comments and texts of documentation in the unit have; that the unit's name has.
  float affinity(int id, int first, int last);
  float told(int id);
  float title(int id);

  // log(1 + tokens between `at` and the name's last place before it), at most kFar of them.
  float since(int id, int at) const;

 private:
  static constexpr int kFar = 400;
  using Words = std::vector<uint64_t>;
  const Words& words(int id);
  float share(const Words& words, const std::unordered_set<uint64_t>& of) const;
  void read_comments();

  const FileModel& model_;
  const Unit& unit_;
  std::unordered_map<int, Words> words_;
  std::unordered_set<uint64_t> told_, title_;
  std::unordered_map<uint64_t, int> line_;  // words of the line's names, with their counts
  int line_number_ = -1;
};

}  // namespace corvid::tools::edits
