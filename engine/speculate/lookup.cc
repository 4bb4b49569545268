#include "engine/speculate/lookup.h"

#include <algorithm>

namespace corvid::engine {
namespace {

constexpr size_t kMatchMax = 4, kMatchMin = 2;

}  // namespace

std::vector<int32_t> look_up(std::span<const int32_t> log, int32_t next, int count) {
  size_t best = 0, place = 0;
  if (count <= 0) return {};
  for (size_t at = log.size(); at-- > 0 && best < kMatchMax;) {
    if (log[at] != next) continue;
    // log[at] stands where `next` will; compare what is before both.
    size_t same = 1;
    while (same < kMatchMax && same <= at && log[at - same] == log[log.size() - same]) ++same;
    if (same < kMatchMin || same <= best || at + 1 == log.size()) continue;
    best = same;
    place = at + 1;
  }
  if (best == 0) return {};
  const auto found = log.subspan(place, std::min(static_cast<size_t>(count), log.size() - place));
  return {found.begin(), found.end()};
}

}  // namespace corvid::engine
