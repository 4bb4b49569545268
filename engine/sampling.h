#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace corvid::engine {

class Constraint;

// Where guesses of further tokens come from; they are checked in one pass, and what comes out is
// what would have come without them, to the bit.
enum class Drafts {
  none,
  lookup,  // what followed the newest tokens when they were last there
  head     // the model's draft head; needs EngineOptions::draft_head
};

struct SamplingParams {
  float temperature = 0;  // 0: greedy
  int top_k = 0;          // 0: off
  float top_p = 1;        // 1: off
  float min_p = 0;        // 0: off
  float repetition_penalty = 1, presence_penalty = 0, frequency_penalty = 0;
  int penalty_window = 64;  // newest tokens that the penalties see
  uint64_t seed = 0;
  int tokens_max = 1024;
  std::vector<std::string> stop;  // generation ends before any of these strings
  Drafts drafts = Drafts::none;
  int drafts_max = 4;             // tokens guessed at a time; fewer while guesses are wrong
};

// What the file's `general.sampling.*` say, else the defaults above (greedy).
SamplingParams sampling_defaults(const GgufFile& file);

enum class FinishReason { end, stop_string, length, cancelled };

struct Generation {
  std::vector<Token> tokens;  // all evaluated, so that the sequence holds them
  std::string text;
  FinishReason finish = FinishReason::end;
  int drafted_count = 0, accepted_count = 0;
};

// Draws one token. Deterministic: the draw depends on `params.seed` and `step` only. Throws invalid
// for parameters that are no finite numbers, a repetition penalty that is not above 0, and where
// no token may follow.
Token sample(std::span<float> logits, const SamplingParams& params, std::span<const Token> recent,
             uint64_t step);

// Generates on `sequence` after `logits` of its last token until an end token, a stop string or a
// limit. A `constraint` (may be null) masks every step; at the limit its closing() is appended. The
// end token is evaluated too. `on_text` (may be empty) gets whole characters as they come.
Generation generate(Engine& engine, Sequence& sequence, std::span<float> logits,
                    const SamplingParams& params, Constraint* constraint,
                    const std::function<void(std::string_view)>& on_text, std::stop_token stop);

}  // namespace corvid::engine
