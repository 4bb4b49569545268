#include "tools/edits/likelihood.h"

#include <algorithm>
#include <cmath>

namespace corvid::tools::edits {

namespace {

constexpr float kTableShare = 0.6f, kFileShare = 0.24f, kUnitShare = 0.16f;
constexpr int kHistory = kOrder - 1;

}  // namespace

Likelihood::Likelihood(FileModel& model, const Unit& unit)
    : model_(model),
      unit_(unit),
      unit_counts_(static_cast<size_t>(unit.last_token - unit.first_token) * 5) {
  const auto size = static_cast<size_t>(unit.last_token - unit.first_token);
  unit_counts_.add(model.ids, unit.first_token, unit.last_token);
  memo_.resize(size);
  memo_round_.assign(size, -1);
  standing_.resize(size);
  const Source& source = model.source;
  for (int at = unit.first_token; at < unit.last_token;) {
    int last = at + 1;
    while (last < unit.last_token && source.token(last).line == source.token(at).line) ++last;
    leave_out(at, last);
    for (int i = at; i < last; ++i) {
      const float value = score_at(i)[static_cast<size_t>(Scorer::mix)];
      standing_[static_cast<size_t>(i - unit.first_token)] = value;
      standing_mean_ += value / static_cast<float>(size);
    }
    at = last;
  }
}

void Likelihood::leave_out(int first, int last) {
  ++round_;
  left_out_.clear();
  // Trigrams that end in the two tokens after the line reach into it.
  const int end = std::min(last + 2, unit_.last_token);
  if (first < end) left_out_.add(model_.ids, first, end);
}

float Likelihood::table_score(const int* context, int id) const {
  std::array<uint64_t, kHistory> history{};
  int count = 0;
  for (; count < kHistory; ++count) {
    if (context[count] < 0) {
      history[static_cast<size_t>(count++)] = begin_hash();
      break;
    }
    history[static_cast<size_t>(count)] = model_.vocabulary.hash(context[count]);
  }
  const float p = model_.table.log_probability(model_.vocabulary.hash(id), history.data(), count);
  if (model_.vocabulary.is_known(id)) return p;
  // The table gives the class; the file says which member of it.
  const float share = 4 * model_.counts.unigram(id, left_out_);
  return p + std::log(std::clamp(share, 1e-4f, 0.5f));
}

// `context`: the token right before first; -1 before the unit's beginning.
Scores Likelihood::score(const int* context, int id) const {
  Scores out;
  out[0] = table_score(context, id);
  out[1] = model_.counts.log_probability(context[1], context[0], id, left_out_);
  out[2] = unit_counts_.log_probability(context[1], context[0], id, left_out_);
  out[3] = std::log(kTableShare * std::exp(out[0]) + kFileShare * std::exp(out[1]) +
                    kUnitShare * std::exp(out[2]) + 1e-9f);
  return out;
}

Scores Likelihood::score_at(int at) {
  const auto slot = static_cast<size_t>(at - unit_.first_token);
  if (memo_round_[slot] == round_) return memo_[slot];
  std::array<int, kHistory> context{};
  for (int k = 0; k < kHistory; ++k) {
    const int before = at - 1 - k;
    context[static_cast<size_t>(k)] =
        before < unit_.first_token ? -1 : model_.ids[static_cast<size_t>(before)];
  }
  memo_[slot] = score(context.data(), model_.ids[static_cast<size_t>(at)]);
  memo_round_[slot] = round_;
  return memo_[slot];
}

Comparison Likelihood::compare(const Candidate& c, const std::vector<int>& new_ids) {
  Comparison out;
  const int after = std::min(c.last + kTokensAfter, unit_.last_token);
  const auto mix = static_cast<size_t>(Scorer::mix);
  out.least_old = out.least_new = 0;
  for (int at = std::min(c.first, unit_.last_token); at < after; ++at) {
    const Scores s = score_at(at);
    for (size_t k = 0; k < kScorerCount; ++k) out.ratio[k] -= s[k];
    out.least_old = std::min(out.least_old, s[mix]);
    if (at == c.first) out.first_old = s[mix];
    if (at < c.last) out.mean_old += s[mix] / static_cast<float>(c.last - c.first);
    if (at >= c.last) out.next_ratio -= s[mix];
  }
  // The new window: kHistory tokens of context, the new tokens, the tokens after.
  window_.clear();
  for (int k = kHistory; k >= 1; --k) {
    const int before = c.first - k;
    window_.push_back(before < unit_.first_token ? -1 : model_.ids[static_cast<size_t>(before)]);
  }
  for (int k = c.new_first; k < c.new_last; ++k) window_.push_back(new_ids[static_cast<size_t>(k)]);
  for (int at = c.last; at < after; ++at) window_.push_back(model_.ids[static_cast<size_t>(at)]);
  const auto new_count = static_cast<size_t>(c.new_last - c.new_first);
  std::array<int, kHistory> context{};
  for (size_t i = kHistory; i < window_.size(); ++i) {
    for (size_t k = 0; k < kHistory; ++k) context[k] = window_[i - 1 - k];
    const Scores s = score(context.data(), window_[i]);
    for (size_t k = 0; k < kScorerCount; ++k) out.ratio[k] += s[k];
    out.least_new = std::min(out.least_new, s[mix]);
    if (i == kHistory) out.first_new = s[mix];
    if (i < kHistory + new_count) out.mean_new += s[mix] / static_cast<float>(new_count);
    if (i >= kHistory + new_count) out.next_ratio += s[mix];
  }
  out.token_count = std::max({1, after - c.first, static_cast<int>(window_.size()) - kHistory});
  return out;
}

}  // namespace corvid::tools::edits
