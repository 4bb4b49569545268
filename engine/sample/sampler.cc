#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_map>
#include <utility>

#include "engine/gguf.h"
#include "engine/sampling.h"
#include "runtime/base/error.h"

namespace corvid::engine {

namespace {

struct Choice {
  Token token;
  float logit;
  double weight = 0;

  // Likeliest first; ties by id, so that the order is one only.
  bool operator<(const Choice& other) const {
    return logit != other.logit ? logit > other.logit : token < other.token;
  }
};

// Uniform in [0, 1) from two numbers (splitmix64, Steele et al. 2014).
double uniform(uint64_t seed, uint64_t step) {
  uint64_t z = seed * 0x9E3779B97F4A7C15ull + step * 0xD1B54A32D192ED03ull + 0x2545F4914F6CDD1Dull;
  for (int round = 0; round < 2; ++round) {
    z += 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
  }
  return static_cast<double>(z >> 11) * 0x1.0p-53;
}

void penalize(std::span<float> logits, const SamplingParams& params,
              std::span<const Token> recent) {
  if (params.repetition_penalty == 1 && params.presence_penalty == 0 &&
      params.frequency_penalty == 0) {
    return;
  }
  const auto window = static_cast<size_t>(std::max(params.penalty_window, 0));
  std::unordered_map<Token, int> counts;
  for (Token token : recent.last(std::min(window, recent.size()))) ++counts[token];
  for (const auto& [token, count] : counts) {
    if (token < 0 || static_cast<size_t>(token) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(token)];
    logit = logit > 0 ? logit / params.repetition_penalty : logit * params.repetition_penalty;
    logit -= static_cast<float>(count) * params.frequency_penalty + params.presence_penalty;
  }
}

// Choices of which as many as are looked at are brought in order: mostly a few of all tokens.
class Choices {
 public:
  explicit Choices(std::vector<Choice> all) : all_(std::move(all)) {}

  size_t size() const { return all_.size(); }
  const Choice& operator[](size_t index) {
    while (index >= sorted_) {
      const size_t next = std::min(all_.size(), std::max<size_t>(64, 8 * sorted_));
      const auto begin = all_.begin() + static_cast<std::ptrdiff_t>(sorted_);
      const auto end = all_.begin() + static_cast<std::ptrdiff_t>(next);
      if (next < all_.size()) std::nth_element(begin, end, all_.end());
      std::sort(begin, end);
      sorted_ = next;
    }
    return all_[index];
  }
  void keep(size_t count) {
    if (count == 0 || count >= all_.size()) return;
    (void)(*this)[count - 1];
    all_.resize(count);
    sorted_ = std::min(sorted_, count);
  }
  // Sets the weights; returns their sum.
  double weigh(float best, double temperature) {
    double total = 0;
    for (Choice& choice : all_) {
      choice.weight = std::exp((choice.logit - best) / temperature);
      total += choice.weight;
    }
    return total;
  }

 private:
  std::vector<Choice> all_;
  size_t sorted_ = 0;
};

void keep_likely(Choices& choices, float best, const SamplingParams& params) {
  if (params.top_p >= 1 && params.min_p <= 0) return;
  const double total = choices.weigh(best, 1);
  size_t keep = 0;
  double sum = 0;
  while (keep < choices.size() && (keep == 0 || choices[keep].weight >= params.min_p)) {
    sum += choices[keep++].weight;
    if (params.top_p < 1 && sum >= params.top_p * total) break;
  }
  choices.keep(keep);
}

void check(const SamplingParams& params) {
  const std::pair<const char*, float> numbers[] = {
      {"temperature", params.temperature}, {"top_p", params.top_p}, {"min_p", params.min_p},
      {"repetition_penalty", params.repetition_penalty},
      {"presence_penalty", params.presence_penalty},
      {"frequency_penalty", params.frequency_penalty}};
  for (const auto& [name, value] : numbers) {
    if (!std::isfinite(value)) fail(Code::invalid, std::string(name) + " is no finite number");
  }
  if (params.repetition_penalty <= 0) fail(Code::invalid, "repetition_penalty is not above 0");
}

}  // namespace

SamplingParams sampling_defaults(const GgufFile& file) {
  SamplingParams params;
  const auto real = [&file](const char* name, float otherwise) {
    const double value = file.real(std::string("general.sampling.") + name).value_or(otherwise);
    return std::isfinite(value) && value >= 0 ? static_cast<float>(value) : otherwise;
  };
  const auto whole = [&file](const char* name, int otherwise) {
    const int64_t value = file.integer(std::string("general.sampling.") + name).value_or(otherwise);
    return value >= 0 && value <= INT32_MAX ? static_cast<int>(value) : otherwise;
  };
  params.temperature = real("temp", params.temperature);
  params.top_k = whole("top_k", params.top_k);
  params.top_p = real("top_p", params.top_p);
  params.min_p = real("min_p", params.min_p);
  params.repetition_penalty = real("penalty_repeat", params.repetition_penalty);
  if (params.repetition_penalty == 0) params.repetition_penalty = 1;
  params.penalty_window = whole("penalty_last_n", params.penalty_window);
  return params;
}

Token sample(std::span<float> logits, const SamplingParams& params, std::span<const Token> recent,
             uint64_t step) {
  check(params);
  constexpr float kForbidden = -std::numeric_limits<float>::infinity();
  penalize(logits, params, recent);
  Choice best{-1, kForbidden};
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] > best.logit) best = {static_cast<Token>(i), logits[i]};
  }
  if (best.token < 0) fail(Code::invalid, "no token may follow");
  if (params.temperature <= 0 || params.top_k == 1) return best.token;

  // What is this unlikely is never drawn; leaving it out keeps the sort short.
  const float least = best.logit - 40 * std::max(params.temperature, 1.0f);
  std::vector<Choice> all;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least && logits[i] > kForbidden) {
      all.push_back({static_cast<Token>(i), logits[i]});
    }
  }
  Choices choices(std::move(all));
  if (params.top_k > 0) choices.keep(static_cast<size_t>(params.top_k));
  keep_likely(choices, best.logit, params);
  double left = uniform(params.seed, step) * choices.weigh(best.logit, params.temperature);
  size_t at = 0;
  while (at + 1 < choices.size() && (left -= choices[at].weight) >= 0) ++at;
  return choices[at].token;
}

}  // namespace corvid::engine
