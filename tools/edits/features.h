#pragma once
// Numbers that say how well a candidate fits its file. Likelihood ratios compare the changed tokens
// and the four after them, new against old, under the n-gram table (lr_table), the file without the
// line (lr_file), the unit without the line (lr_unit) and their mixture; the rest are counts,
// places and static facts (names that are unread, undefined, repeated; calls whose arguments do not
// fit; *_gap: lr_mix less the best of the line, the place or the kind; how near a name is, see
// nearness.h).

#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/edits/cache.h"
#include "tools/edits/candidates.h"

namespace corvid::tools::edits {

enum class Feature : uint8_t {
#define X(id) id,
#include "tools/edits/features.inc"
#undef X
};
#define X(id) +1
inline constexpr int kFeatureCount = 0
#include "tools/edits/features.inc"
    ;
#undef X
std::string_view feature_name(int feature);

// What the candidates of one file are scored with. `source` and `table` must outlive this.
struct FileModel {
  FileModel(const Source& source, const NgramTable& table);
  FileModel(const FileModel&) = delete;
  FileModel& operator=(const FileModel&) = delete;

  const Source& source;
  const NgramTable& table;
  Vocabulary vocabulary;
  std::vector<int> ids;  // of the source's tokens
  FileFacts facts;
  TrigramCounts counts;
  std::unordered_map<uint64_t, int> lines;  // hash of a line without its white space -> how often
};

// Hash of a line without its white space.
uint64_t line_hash(std::string_view line);

// Row-major (candidates.all().size(), kFeatureCount).
std::vector<float> features_of(FileModel& model, const Unit& unit, const UnitFacts& facts,
                               const Candidates& candidates);

}  // namespace corvid::tools::edits
