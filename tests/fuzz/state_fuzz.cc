// Files of a sequence's state, with a checksum that holds so that damage gets past it.
#include <bit>
#include <cstring>
#include <memory>

#include "engine/schedule/evaluator.h"
#include "engine/state/state_file.h"
#include "runtime/base/error.h"
#include "tests/fuzz/fuzz.h"

using namespace corvid;

namespace {

std::shared_ptr<engine::Evaluator> evaluator() {
  static const auto made = std::make_shared<engine::Evaluator>(
      std::string(CORVID_SOURCE_DIR) + "/tests/golden/engine/gated-deltanet2-swa.Q8_0.gguf",
      engine::EngineOptions{"reference", "", 1});
  return made;
}

// As state_file.cc makes it.
uint64_t checksum(std::string_view bytes) {
  uint64_t sum = 0x9e3779b97f4a7c15ull ^ bytes.size();
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    sum = std::rotl((sum ^ word) * 0xff51afd7ed558ccdull, 29);
  }
  return sum;
}

}  // namespace

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  engine::Sequence::Impl sequence(evaluator());
  for (engine::Token token = 1; token < 4; ++token) {
    const engine::Evaluator::Item item{&sequence.memory, {&token, 1}, nullptr};
    sequence.evaluator->run({&item, 1}, engine::Evaluator::Rows::none, {});
    sequence.log({&token, 1});
    if (token == 2) sequence.snapshots.push_back({2, sequence.memory.share_state()});
    seeds.push_back(engine::encode_state(sequence));
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(fuzz::text_of(data, size));
  if (bytes.size() >= sizeof(uint64_t)) {
    const size_t body = bytes.size() - sizeof(uint64_t);
    const uint64_t sum = checksum(std::string_view(bytes).substr(0, body));
    std::memcpy(bytes.data() + body, &sum, sizeof sum);
  }
  try {
    engine::Sequence::Impl fresh(evaluator());
    engine::decode_state(bytes, "fuzzed", fresh);
    // What was accepted can be gone on with.
    fuzz::check(fresh.memory.length() == static_cast<int32_t>(fresh.tokens.size()));
    const engine::Token token = 1;
    const engine::Evaluator::Item item{&fresh.memory, {&token, 1}, nullptr};
    fresh.evaluator->run({&item, 1}, engine::Evaluator::Rows::none, {});
  } catch (const Error&) {
  }
  return 0;
}
