#pragma once

#include <catch2/catch.hpp>

#include <cmath>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "runtime/base/json.h"
#include "runtime/base/files.h"
#include "tests/support/npy.h"

namespace corvid::test {

using engine::Engine;
using engine::EngineOptions;
using engine::Sequence;
using engine::Token;

// The project's fixtures beside the checkout; empty (and a warning) when they are not there.
inline std::filesystem::path fixtures() {
  const auto path = std::filesystem::path(CORVID_SOURCE_DIR) / "../shared/fixtures/engine";
  if (std::filesystem::exists(path / "index.json")) return path;
  WARN("SKIP: ../shared/fixtures/engine is not there");
  return {};
}

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(CORVID_SOURCE_DIR) / "tests/golden" / name;
}

// The CPU's kernel sets that this machine can run.
inline std::vector<std::string> levels() {
  std::vector<std::string> names;
  for (const engine::CpuLevel& level : engine::cpu_levels()) {
    if (level.works) names.push_back(level.name);
    else WARN("SKIP: this CPU cannot run the kernels for " << level.name);
  }
  return names;
}

inline float max_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference;  // NaN stays
    if (std::isnan(largest)) return largest;
  }
  return largest;
}

inline std::vector<float> append(Engine& model, Sequence& sequence, std::span<const Token> tokens,
                                 bool every_row = false) {
  const auto vocab = static_cast<size_t>(model.summary().vocab_size);
  std::vector<float> logits(every_row ? vocab * tokens.size() : vocab);
  model.append(sequence, tokens, logits, every_row, {});
  return logits;
}

inline std::vector<float> step(Engine& model, Sequence& sequence, Token token) {
  std::vector<float> logits(static_cast<size_t>(model.summary().vocab_size));
  const engine::StepItem item{&sequence, token};
  model.step({&item, 1}, logits);
  return logits;
}

inline Token best(std::span<const float> logits) {
  return static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace corvid::test
