// Threads that each go on with a fork of one conversation, as attempts do: tokens per second, and
// per second of processor time, for each number of threads; `passes` over the weights they shared.
//   decode_threads MODEL.gguf [TOKENS [THREADS...]]

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/sampling.h"

namespace {

using namespace corvid::engine;

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

void measure(Engine& engine, const Sequence& base, const std::vector<float>& logits, int tokens,
             int threads) {
  const StepCounts before = engine.step_counts();
  const auto begin = std::chrono::steady_clock::now();
  const double processor = processor_seconds();
  {
    std::vector<std::jthread> workers;
    for (int i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        const auto sequence = base.fork();
        std::vector<float> row = logits;
        SamplingParams params;
        params.temperature = 1;
        params.seed = uint64_t(i);
        for (int at = 0; at < tokens; ++at) {
          const StepItem item{sequence.get(), sample(row, params, {}, uint64_t(at))};
          engine.step({&item, 1}, row);
        }
      });
    }
  }
  const double wall =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double spent = processor_seconds() - processor;
  const StepCounts after = engine.step_counts();
  const auto made = double(after.steps - before.steps);
  std::printf("%2d threads: %5.0f tokens %4lld passes %7.2f s %7.2f s of processors %7.2f tokens/s "
              "%7.2f per processor second\n",
              threads, made, static_cast<long long>(after.passes - before.passes), wall, spent,
              made / wall, made / spent);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s MODEL.gguf [TOKENS [THREADS...]]\n", argv[0]);
    return 1;
  }
  const int tokens = argc > 2 ? std::atoi(argv[2]) : 32;
  std::vector<int> counts{1, 2, 4, 8};
  if (argc > 3) counts.clear();
  for (int i = 3; i < argc; ++i) counts.push_back(std::atoi(argv[i]));
  const auto engine = Engine::load(argv[1], {});
  const auto base = engine->open();
  std::vector<Token> prompt(64);
  std::iota(prompt.begin(), prompt.end(), Token{100});
  std::vector<float> logits(static_cast<size_t>(engine->summary().vocab_size));
  engine->append(*base, prompt, logits, false, {});
  for (const int count : counts) measure(*engine, *base, logits, tokens, count);
  return 0;
}
