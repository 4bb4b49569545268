// The engine alone: loads a GGUF model, reads a prompt and streams what follows.
//
//   01_generate MODEL.gguf "def add(a, b):" [TOKENS]
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "engine/engine.h"
#include "engine/sampling.h"
#include "engine/tokenizer.h"

using namespace corvid;

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MODEL.gguf PROMPT [TOKENS]\n", argv[0]);
    return 1;
  }
  const auto engine = engine::Engine::load(argv[1], {});
  const engine::Tokenizer& tokenizer = engine->tokenizer();
  std::vector<engine::Token> prompt = tokenizer.encode(argv[2], /*parse_special=*/true);
  if (tokenizer.add_bos() && tokenizer.bos() >= 0) prompt.insert(prompt.begin(), tokenizer.bos());

  const auto sequence = engine->open();
  std::vector<float> logits(size_t(engine->summary().vocab_size));
  engine->append(*sequence, prompt, logits, /*every_row=*/false, {});

  engine::SamplingParams params = engine::sampling_defaults(engine->file());
  params.tokens_max = argc > 3 ? std::atoi(argv[3]) : 64;
  const auto print = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  engine::generate(*engine, *sequence, logits, params, nullptr, print, {});
  std::printf("\n[%zu tokens in the sequence, %lld bytes of state]\n", sequence->tokens().size(),
              static_cast<long long>(sequence->bytes_used()));
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
