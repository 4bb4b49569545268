// One state, many continuations: the prompt is read once; each fork shares its pages, goes its own
// way, and leaves the first sequence as it was. The state outlives the process in a file.
//
//   02_fork MODEL.gguf PROMPT STATE_FILE [FORKS]
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <vector>

#include "engine/engine.h"
#include "engine/sampling.h"
#include "engine/tokenizer.h"

using namespace corvid;

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s MODEL.gguf PROMPT STATE_FILE [FORKS]\n", argv[0]);
    return 1;
  }
  const auto engine = engine::Engine::load(argv[1], {});
  const std::vector<engine::Token> prompt = engine->tokenizer().encode(argv[2], true);
  const auto shared = engine->open();
  std::vector<float> logits(size_t(engine->summary().vocab_size));

  // A state file holds what was read, not the last token's logits: read all but that one.
  const std::span<const engine::Token> before(prompt.data(), prompt.size() - 1);
  if (std::filesystem::exists(argv[3])) {
    shared->load(argv[3]);
    std::printf("[%zu tokens from %s, none read again]\n", shared->tokens().size(), argv[3]);
  } else {
    engine->append(*shared, before, {}, false, {});
    shared->save(argv[3]);
    std::printf("[%zu tokens read, saved to %s]\n", shared->tokens().size(), argv[3]);
  }

  const int fork_count = argc > 4 ? std::atoi(argv[4]) : 3;
  for (int i = 0; i < fork_count; ++i) {
    const auto fork = shared->fork();
    engine->append(*fork, {&prompt.back(), 1}, logits, false, {});
    engine::SamplingParams params;
    params.temperature = 0.8F;
    params.seed = uint64_t(i);
    params.tokens_max = 24;
    const auto made = engine::generate(*engine, *fork, logits, params, nullptr, {}, {});
    std::printf("%d: %s\n", i, made.text.c_str());
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
