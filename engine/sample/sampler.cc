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

void weigh(std::vector<Choice>& choices, double temperature) {
  for (Choice& choice : choices) {
    choice.weight = std::exp((choice.logit - choices.front().logit) / temperature);
  }
}

void keep_likely(std::vector<Choice>& choices, const SamplingParams& params) {
  weigh(choices, 1);
  double total = 0;
  for (const Choice& choice : choices) total += choice.weight;
  size_t keep = choices.size();
  if (params.top_p < 1) {
    double sum = 0;
    for (size_t i = 0; i < keep; ++i) {
      sum += choices[i].weight;
      if (sum >= params.top_p * total) keep = i + 1;
    }
  }
  while (keep > 1 && choices[keep - 1].weight < params.min_p) --keep;
  choices.resize(std::max<size_t>(keep, 1));
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
  std::vector<Choice> choices;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] >= least && logits[i] > kForbidden) {
      choices.push_back({static_cast<Token>(i), logits[i]});
    }
  }
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < choices.size()) {
    std::nth_element(choices.begin(), choices.begin() + params.top_k, choices.end());
    choices.resize(static_cast<size_t>(params.top_k));
  }
  std::sort(choices.begin(), choices.end());
  keep_likely(choices, params);
  weigh(choices, params.temperature);
  double total = 0;
  for (const Choice& choice : choices) total += choice.weight;
  double left = uniform(params.seed, step) * total;
  for (const Choice& choice : choices) {
    left -= choice.weight;
    if (left < 0) return choice.token;
  }
  return choices.back().token;
}

}  // namespace corvid::engine
