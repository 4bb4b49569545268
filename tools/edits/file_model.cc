#include <array>

#include "tools/edits/features.h"

namespace corvid::tools::edits {

std::string_view feature_name(int feature) {
  static constexpr std::array<std::string_view, kFeatureCount> kNames = {
#define X(id) #id,
#include "tools/edits/features.inc"
#undef X
  };
  return kNames[static_cast<size_t>(feature)];
}

uint64_t line_hash(std::string_view line) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : line) {
    if (c != ' ' && c != '\t') hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  }
  return hash;
}

FileModel::FileModel(const Source& source_in, const NgramTable& table_in)
    : source(source_in),
      table(table_in),
      vocabulary(table_in, source_in.language()),
      facts(source_in),
      counts(source_in.tokens().size() * 3) {
  ids.reserve(source.tokens().size());
  for (int i = 0; i < source.count(); ++i)
    ids.push_back(vocabulary.id(source.token(i).kind, source.str(i)));
  counts.add(ids, 0, source.count());
  for (int i = 0; i < source.line_count(); ++i) ++lines[line_hash(source.line(i))];
}

}  // namespace corvid::tools::edits
