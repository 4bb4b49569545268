#pragma once
// Where a bug may be, as far as a check that ran and the task's text say: terms of units and of
// the lines in them, whose weights stand in place.inc.

#include <array>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/edits/blame.h"
#include "tools/edits/candidates.h"
#include "tools/edits/message.h"
#include "tools/evidence.h"

namespace corvid::tools::edits {

// Files that hold tests by their name, and whatever is below a folder test, tests or testing.
bool is_test_file(std::string_view path);

// outside: no function. log_lines: lines of the unit. frame_*: in a traceback, so many frames of
// the project above its innermost one. not_executed, outside_not_executed: by no failing test, of
// functions and of other units. log_share: of the failing tests, those that run its most suspicious
// line (Ochiai); log_purity: of the tests that run it, those that fail. log_rank: lines of the
// project that are more suspicious than that one; log_ties: that are as much so. message: how rare
// the rarest word of the failures' messages is that stands in it.
enum class UnitTerm : uint8_t {
#define PLACE_UNIT(id, weight) id,
#define PLACE_LINE(id, weight)
#include "tools/edits/place.inc"
  count
};

// line_*: as those of the unit. failing_line: the traceback's line in the unit; later: behind it;
// before: how far above it (1 at 15 lines); *_far: the same where the unit's frame is not the
// innermost one.
enum class LineTerm : uint8_t {
#undef PLACE_UNIT
#undef PLACE_LINE
#define PLACE_UNIT(id, weight)
#define PLACE_LINE(id, weight) id,
#include "tools/edits/place.inc"
  count
};

#undef PLACE_UNIT
#undef PLACE_LINE

using UnitTerms = std::array<float, static_cast<size_t>(UnitTerm::count)>;
using LineTerms = std::array<float, static_cast<size_t>(LineTerm::count)>;

float weigh(const UnitTerms& terms);
float weigh(const LineTerms& terms);

class Place {
 public:
  // `evidence` must outlive this. `files` are the project's.
  explicit Place(const Evidence& evidence, std::span<const SourceFile> files = {});

  UnitTerms unit_terms(const std::string& path, const Source& source, const Unit& unit) const;

  // log-weight of a unit against the other units of the project: its terms and what the task says.
  float unit(const std::string& path, const Source& source, const Unit& unit) const;

  // Whether the task names this unit (and its file, where it names files).
  bool is_named(const std::string& path, const Unit& unit) const;

  // Terms of each line of the unit and of the one behind it; index 0 is unit.first_line.
  std::vector<LineTerms> line_terms(const std::string& path, const Source& source,
                                    const Unit& unit) const;

  // log-weight of a candidate, for what the failure's messages say of the names that it changes.
  float candidate(const Source& source, const Candidate& candidate) const {
    return blame_.weigh(source, candidate);
  }

  // 1-based line of the innermost frame of a traceback in this unit, or 0.
  int hint(const std::string& path, const Unit& unit) const;

 private:
  struct Mark {
    int line = 0;      // 1-based
    int distance = 0;  // frames of the project below it
    int count = 0;     // tracebacks that have it
  };
  struct Spectrum {
    float share = 0;   // of the failing tests
    float purity = 0;  // of the tests that run the line
    float ochiai = 0;
  };
  const Mark* innermost(const std::string& path, const Unit& unit) const;
  Spectrum spectrum(const std::string& path, int first_line, int last_line) const;  // 0-based

  int lines_above(float ochiai) const;  // lines that are more suspicious
  int lines_at(float ochiai) const;

  const Evidence& evidence_;
  MessageWords message_;
  Blame blame_;
  std::vector<float> suspicions_;  // of all lines that failing tests run, highest first
  std::map<std::string, std::vector<Mark>> marks_;
  std::set<std::string> paths_;
};

// The line (index as of line_terms) whose terms a candidate takes: its own; for an insertion the
// one before, which runs before it, unless only its own was executed.
size_t line_of(const Candidate& candidate, const Unit& unit, std::span<const LineTerms> lines);

}  // namespace corvid::tools::edits
