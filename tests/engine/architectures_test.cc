// What a sequence remembers, for every architecture of the fixtures: whatever is done to it at random
// positions, it continues as one that was never interrupted, bit for bit.

#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

const char* const kModels[] = {
    "gated-deltanet2-swa", "hgrn2-hybrid", "kimi-linear", "llama", "mamba2", "nemotron_h",
    "nemotron_h_moe", "nemotron_h_moe_latent", "qwen3", "qwen35", "qwen35moe", "qwen3next",
    "step35"};

std::vector<Token> some_tokens(Random& random, size_t count) {
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(random.next() * 490);
  return tokens;
}

// Evaluates the log of `origin` along its segments on a fresh sequence.
std::unique_ptr<Sequence> replay(Engine& model, const Sequence& origin) {
  auto sequence = model.open();
  int32_t begin = 0;
  for (const int32_t end : origin.segments()) {
    model.append(*sequence, origin.tokens().subspan(static_cast<size_t>(begin),
                                                    static_cast<size_t>(end - begin)),
                 {}, false, {});
    begin = end;
  }
  return sequence;
}

void do_something(Engine& model, std::unique_ptr<Sequence>& sequence, Random& random,
                  const std::filesystem::path& file) {
  const auto pick = static_cast<int>(random.next() * 6);
  const auto size = static_cast<int>(sequence->tokens().size());
  if (pick == 0) sequence->snapshot();
  if (pick == 1) sequence = sequence->fork();
  if (pick == 2) sequence->truncate(static_cast<int>(random.next() * (size + 1)));
  if (pick == 3) {
    sequence->save(file);
    sequence = model.open();
    sequence->load(file);
  }
  if (pick == 4) step(model, *sequence, some_tokens(random, 1).front());
  if (pick == 5) {
    const auto count = static_cast<size_t>(1 + random.next() * 70);
    append(model, *sequence, some_tokens(random, count));
  }
}

}  // namespace

TEST_CASE("every architecture goes on from any state as if never interrupted, bit for bit") {
  const auto path = fixtures();
  if (path.empty()) return;
  const TempDir folder;
  for (const char* name : kModels) {
    EngineOptions options;
    options.thread_count = 2;
    const auto model = Engine::load(path / "models" / (std::string(name) + ".gguf"), options);
    for (const uint64_t seed : {1, 2}) {
      INFO(name << " seed " << seed);
      Random random(seed);
      auto sequence = model->open();
      append(*model, *sequence, some_tokens(random, 80));
      for (int i = 0; i < 10; ++i) do_something(*model, sequence, random, folder.path() / "state");
      const auto again = replay(*model, *sequence);
      const std::vector<Token> next = some_tokens(random, 20);
      CHECK(append(*model, *again, next, true) == append(*model, *sequence, next, true));
      CHECK(step(*model, *again, 7) == step(*model, *sequence, 7));
    }
  }
}

TEST_CASE("eight sequences of every architecture decoded together give what each gives alone") {
  const auto path = fixtures();
  if (path.empty()) return;
  for (const char* name : kModels) {
    INFO(name);
    EngineOptions options;
    options.thread_count = 2;
    const auto model = Engine::load(path / "models" / (std::string(name) + ".gguf"), options);
    const auto vocab = static_cast<size_t>(model->summary().vocab_size);
    Random random(5);
    std::vector<std::unique_ptr<Sequence>> together, alone;
    for (size_t i = 0; i < 8; ++i) {
      together.push_back(model->open());
      append(*model, *together.back(), some_tokens(random, 1 + 9 * i));
      alone.push_back(together.back()->fork());
    }
    for (int round = 0; round < 2; ++round) {
      std::vector<engine::StepItem> items;
      for (size_t i = 0; i < 8; ++i) {
        items.push_back({together[i].get(), some_tokens(random, 1).front()});
      }
      std::vector<float> logits(8 * vocab);
      model->step(items, logits);
      for (size_t i = 0; i < 8; ++i) {
        const std::vector<float> single = step(*model, *alone[i], items[i].token);
        CHECK(std::equal(single.begin(), single.end(),
                         logits.begin() + static_cast<std::ptrdiff_t>(i * vocab)));
      }
    }
  }
}

}  // namespace corvid::test
