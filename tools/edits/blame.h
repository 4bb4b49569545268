#pragma once
// Names that a failing check's exceptions and compiler's errors say are wrong where they stand:
// "name 'x' is not defined", "'T' object has no attribute 'x'", "'x' undeclared".

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

class Blame {
 public:
  // Of the lines of a check's output.
  explicit Blame(std::string_view output);

  // Log-weight of a candidate, set by judgement: of those that take a blamed name away, put in the
  // name that the message proposes for it, or define it on a line of its own; else 0.
  float weigh(const Source& source, const Candidate& candidate) const;

  const std::set<std::string, std::less<>>& wrong() const { return wrong_; }
  const std::set<std::string, std::less<>>& proposed() const { return proposed_; }

 private:
  void read_line(std::string_view line);

  std::set<std::string, std::less<>> wrong_, proposed_;
};

}  // namespace corvid::tools::edits
