#pragma once
// Names and numbers of what a failing check says, by which lines of a project are told apart.

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "tools/edit_candidates.h"

namespace corvid::tools::edits {

class MessageWords {
 public:
  // Of the lines of `output` that are pytest's ("E ...") or begin as Python's exceptions do. Words
  // of less than three letters or two digits do not count, nor do those that no source has.
  MessageWords(std::string_view output, std::span<const SourceFile> files);

  // How rare the rarest of them in `line` is: 1 where it stands on one line of the sources, 0 where
  // it stands on each or where `line` has none.
  float rarest_in(std::string_view line) const;

 private:
  std::map<std::string, float, std::less<>> rarity_;
};

}  // namespace corvid::tools::edits
