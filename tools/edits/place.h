#pragma once
// Where a bug may be, as far as a check that ran and the task's text say: log-weights of units and
// of the lines in them.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/candidates.h"
#include "tools/evidence.h"

namespace corvid::tools::edits {

// test_*.py, *_test.py, conftest.py and whatever is below a folder test, tests or testing.
bool is_test_file(std::string_view path);

class Place {
 public:
  // `evidence` must outlive this.
  explicit Place(const Evidence& evidence);

  // log-weight of a unit against the other units of the project.
  float unit(const std::string& path, const Source& source, const Unit& unit) const;

  // Whether the task names this unit (and its file, where it names files).
  bool is_named(const std::string& path, const Unit& unit) const;

  // log-weight of each line of the unit against its other lines; index 0 is unit.first_line.
  std::vector<float> lines(const std::string& path, const Source& source, const Unit& unit) const;

  // 1-based line of the innermost frame of a traceback in this unit, or 0.
  int hint(const std::string& path, const Unit& unit) const;

 private:
  struct Mark {
    int line = 0;      // 1-based
    int distance = 0;  // frames of the project below it
    int count = 0;     // tracebacks that have it
  };
  const Mark* innermost(const std::string& path, const Unit& unit) const;
  float suspicion(const std::string& path, int first_line, int last_line) const;  // Ochiai, 0-based

  const Evidence& evidence_;
  std::map<std::string, std::vector<Mark>> marks_;
  std::set<std::string> paths_;
};

}  // namespace corvid::tools::edits
