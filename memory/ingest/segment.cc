#include "memory/ingest/segment.h"

#include <algorithm>
#include <cmath>

#include "memory/ingest/annotate.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr size_t kBlockTurns = 3;        // compared on each side of a border
constexpr size_t kPeakTurns = 5;         // how far a valley's slopes reach
constexpr double kLowCohesion = 0.05;
constexpr double kValleyDepthMin = 0.2;
constexpr size_t kTermsTextBytesMax = 4096;

using Terms = std::map<uint64_t, float>;

Terms sum(std::span<const SegmentTurn> turns) {
  Terms all;
  for (const SegmentTurn& turn : turns) {
    for (const auto& [term, count] : turn.terms) all[term] += count;
  }
  return all;
}

double cosine(const Terms& a, const Terms& b) {
  double dot = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (const auto& [term, count] : a) {
    norm_a += static_cast<double>(count) * count;
    const auto same = b.find(term);
    if (same != b.end()) dot += static_cast<double>(count) * same->second;
  }
  for (const auto& [term, count] : b) norm_b += static_cast<double>(count) * count;
  return norm_a > 0 && norm_b > 0 ? dot / std::sqrt(norm_a * norm_b) : 0.0;
}

// Likeness of the turns on both sides of the border in front of turns[at].
double cohesion(std::span<const SegmentTurn> turns, size_t at) {
  const size_t from = at >= kBlockTurns ? at - kBlockTurns : 0;
  const size_t to = std::min(turns.size(), at + kBlockTurns);
  return cosine(sum(turns.subspan(from, at - from)), sum(turns.subspan(at, to - at)));
}

// The deepest border in the last third, or 0.
size_t deepest_valley(std::span<const SegmentTurn> turns) {
  std::vector<double> likeness(turns.size(), 0.0);
  for (size_t i = 1; i < turns.size(); ++i) likeness[i] = cohesion(turns, i);
  size_t best = 0;
  double best_depth = kValleyDepthMin;
  for (size_t i = turns.size() * 2 / 3; i + kBlockTurns <= turns.size(); ++i) {
    if (i == 0) continue;
    double left = likeness[i];
    double right = likeness[i];
    for (size_t step = 1; step <= kPeakTurns; ++step) {
      if (i > step) left = std::max(left, likeness[i - step]);
      if (i + step < turns.size()) right = std::max(right, likeness[i + step]);
    }
    const double depth = left - likeness[i] + right - likeness[i];
    if (depth <= best_depth) continue;
    best_depth = depth;
    best = i;
  }
  return best;
}

int64_t token_sum(std::span<const SegmentTurn> turns) {
  int64_t tokens = 0;
  for (const SegmentTurn& turn : turns) tokens += turn.tokens;
  return tokens;
}

}  // namespace

SegmentTurn segment_turn(const Turn& turn) {
  SegmentTurn out{.id = turn.id,
                  .said_at = turn.said_at,
                  .is_user = turn.tier == Tier::user && turn.role != "system",
                  .tokens = static_cast<int64_t>((turn.text.size() + 3) / 4),
                  .terms = {}};
  for (const std::string& word : words_of(truncate_utf8(turn.text, kTermsTextBytesMax))) {
    if (!is_stop_word(word)) out.terms[fnv1a(rough_stem(word))] += 1;
  }
  return out;
}

std::optional<Cut> cut_before(std::span<const SegmentTurn> open, const SegmentTurn& next,
                              SessionKind kind) {
  if (open.empty()) return std::nullopt;
  if (kind == SessionKind::agent) {
    const bool is_answered =
        std::ranges::any_of(open, [](const SegmentTurn& turn) { return !turn.is_user; });
    if (next.is_user && is_answered) return Cut{open.size(), "request"};
    return std::nullopt;
  }
  const SegmentTurn& last = open.back();
  if (std::chrono::floor<days>(next.said_at) != std::chrono::floor<days>(last.said_at)) {
    return Cut{open.size(), "date"};
  }
  const auto gap = next.said_at - last.said_at;
  if (gap > kSegmentGapMax) return Cut{open.size(), "gap"};
  if (gap > minutes(30)) {
    const size_t from = open.size() - std::min(open.size(), kBlockTurns);
    if (cosine(sum(open.subspan(from)), next.terms) < kLowCohesion) return Cut{open.size(), "gap"};
  }
  return std::nullopt;
}

std::optional<Cut> cut_after(std::span<const SegmentTurn> open, SessionKind kind) {
  if (kind == SessionKind::agent) {
    if (open.size() >= kRequestTurnsMax) return Cut{open.size(), "limit"};
    return std::nullopt;
  }
  const int64_t tokens = token_sum(open);
  if (open.size() < kSegmentTurns && tokens < kSegmentTokens) return std::nullopt;
  if (const size_t keep = deepest_valley(open); keep > 0) return Cut{keep, "topic"};
  if (open.size() >= kSegmentTurnsMax || tokens >= kSegmentTokensMax) {
    return Cut{open.size(), "limit"};
  }
  return std::nullopt;
}

std::vector<Cut> segment(std::span<const SegmentTurn> turns, SessionKind kind) {
  std::vector<Cut> cuts;
  size_t from = 0;
  for (size_t i = 0; i < turns.size(); ++i) {
    if (auto cut = cut_before(turns.subspan(from, i - from), turns[i], kind)) {
      cuts.push_back(*cut);
      from += cut->keep;
    }
    if (auto cut = cut_after(turns.subspan(from, i + 1 - from), kind)) {
      cuts.push_back(*cut);
      from += cut->keep;
    }
  }
  if (from < turns.size()) cuts.push_back({turns.size() - from, ""});
  return cuts;
}

}  // namespace corvid::memory
