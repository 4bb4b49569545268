// What a sequence remembers: forks, snapshots, truncation, files, batches.

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "engine/schedule/evaluator.h"
#include "engine/state/state_file.h"
#include "runtime/base/error.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

std::vector<Token> some_tokens(size_t count, uint64_t seed = 9) {
  Random random(seed);
  std::vector<Token> tokens(count);
  for (Token& token : tokens) token = static_cast<Token>(random.next() * 50);
  return tokens;
}

EngineOptions options(const std::string& level = "") {
  EngineOptions result;
  result.cpu_level = level;
  result.thread_count = 2;
  return result;
}

// One model of every architecture, of sizes that fit no vector.
struct Models {
  TempDir folder;
  std::vector<std::filesystem::path> paths;

  Models() {
    for (const char* name : {"delta.gguf", "delta-bare.gguf", "nemotron.gguf", "qwen.gguf"}) {
      paths.push_back(folder.path() / name);
    }
    write_gated_deltanet2(paths[0], {.window = 20, .blocks = "DADA"});
    write_gated_deltanet2(paths[1], {.conv_taps = 0, .blocks = "DDD"});
    write_nemotron_h(paths[2], {.blocks = "M-AM-"});
    write_qwen3(paths[3], {.blocks = "AA"});
  }
};

// Evaluates `tokens` along the given segment ends on a fresh sequence.
std::unique_ptr<Sequence> replay(Engine& model, std::span<const Token> tokens,
                                 std::span<const int32_t> segments) {
  auto sequence = model.open();
  int32_t begin = 0;
  for (const int32_t end : segments) {
    const auto part = tokens.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    if (part.size() == 1) {
      step(model, *sequence, part[0]);
    } else {
      append(model, *sequence, part);
    }
    begin = end;
  }
  return sequence;
}

// The logits of some tokens that follow.
std::vector<float> follow(Engine& model, Sequence& sequence) {
  std::vector<float> logits = append(model, sequence, some_tokens(30, 77), true);
  const std::vector<float> last = step(model, sequence, 3);
  logits.insert(logits.end(), last.begin(), last.end());
  return logits;
}

std::vector<int32_t> copy(std::span<const int32_t> values) {
  return {values.begin(), values.end()};
}

// 150 tokens in chunks, steps and chunks.
void fill(Engine& model, Sequence& sequence) {
  append(model, sequence, some_tokens(100));
  for (const Token token : some_tokens(5, 2)) step(model, sequence, token);
  append(model, sequence, some_tokens(45, 3));
}

// Does things to a sequence by chance; after each that goes back or makes it anew it gives what its
// log gives on a fresh one.
void walk(const std::filesystem::path& path, const std::filesystem::path& state) {
  EngineOptions chosen = options();
  chosen.draft_head = path.filename() == "qwen35_mtp.gguf";
  const auto model = Engine::load(path, chosen);
  auto sequence = model->open();
  Random random(path.filename().string().size());
  const auto below = [&random](size_t count) {
    return static_cast<int>(random.next() * static_cast<double>(count));
  };
  for (int round = 0; round < 40; ++round) {
    const int what = below(8);
    if (what < 3) append(*model, *sequence, some_tokens(size_t(1 + below(150)), size_t(round)));
    if (what == 3) step(*model, *sequence, below(50));
    if (what == 4) sequence->snapshot();
    if (what == 5) sequence->truncate(below(sequence->tokens().size() + 1));
    if (what == 6) sequence = sequence->fork();
    if (what == 7) {
      sequence->save(state);
      sequence = model->open();
      sequence->load(state);
    }
    if (what < 5) continue;
    INFO("round " << round << ", " << sequence->tokens().size() << " tokens");
    const auto again = replay(*model, sequence->tokens(), sequence->segments());
    CHECK(follow(*model, *again) == follow(*model, *sequence->fork()));
  }
}

}  // namespace

TEST_CASE("chunk borders sit at absolute positions and are logged") {
  const Models models;
  const auto model = Engine::load(models.paths[0], options());
  const auto sequence = model->open();
  append(*model, *sequence, some_tokens(100));
  step(*model, *sequence, 1);
  append(*model, *sequence, some_tokens(60));
  CHECK(copy(sequence->segments()) == std::vector<int32_t>{64, 100, 101, 128, 161});
  CHECK(sequence->tokens().size() == 161);
}

TEST_CASE("prefill in two calls at a chunk border equals prefill in one, bit for bit") {
  const Models models;
  for (const auto& path : models.paths) {
    INFO(path);
    const auto model = Engine::load(path, options());
    const std::vector<Token> tokens = some_tokens(150);
    const auto whole = model->open(), parts = model->open();
    append(*model, *whole, tokens);
    append(*model, *parts, std::span(tokens).first(128));
    append(*model, *parts, std::span(tokens).subspan(128));
    CHECK(follow(*model, *whole) == follow(*model, *parts));
  }
}

TEST_CASE("many chunks in one pass give what each alone gives, bit for bit") {
  const Models models;
  for (const auto& path : models.paths) {
    INFO(path);
    const auto model = Engine::load(path, options());
    const std::vector<Token> tokens = some_tokens(10 * 64 + 1);  // the last chunk is a step
    const auto whole = model->open(), parts = model->open();
    append(*model, *whole, tokens);
    for (size_t at = 0; at < tokens.size(); at += 64) {
      append(*model, *parts,
             std::span(tokens).subspan(at, std::min<size_t>(64, tokens.size() - at)));
    }
    CHECK(copy(whole->segments()) == copy(parts->segments()));
    CHECK(follow(*model, *whole) == follow(*model, *parts));
  }
}

TEST_CASE("a stop during a pass leaves whole chunks") {
  const Models models;
  for (const auto& path : models.paths) {
    INFO(path);
    const auto model = Engine::load(path, options());
    const std::vector<Token> tokens = some_tokens(2000);
    const auto sequence = model->open();
    std::stop_source stop;
    std::jthread stopper([&stop] {
      std::this_thread::sleep_for(std::chrono::milliseconds(15));
      stop.request_stop();
    });
    try {
      model->append(*sequence, tokens, {}, false, stop.get_token());
    } catch (const Error& error) {
      CHECK(error.code() == Code::cancelled);
      CHECK(sequence->tokens().size() % 64 == 0);
    }
    const auto again = replay(*model, sequence->tokens(), sequence->segments());
    CHECK(follow(*model, *sequence) == follow(*model, *again));
  }
}

TEST_CASE("a fork continues as its origin would, and neither changes the other") {
  const Models models;
  for (const auto& path : models.paths) {
    INFO(path);
    const auto model = Engine::load(path, options());
    const auto origin = model->open();
    fill(*model, *origin);
    const auto fork = origin->fork(), other = origin->fork();
    append(*model, *other, some_tokens(90, 55));  // writes the page that is shared
    const std::vector<float> first = follow(*model, *fork);
    CHECK(first == follow(*model, *origin));
    const auto again = replay(*model, origin->tokens(), origin->segments());
    CHECK(follow(*model, *again) == follow(*model, *origin));
    // One that another thread read and let go of leaves the memory to its origin.
    std::unique_ptr<Sequence> last = origin->fork();
    std::atomic<bool> is_done = false;
    std::thread reader([&] {
      last->save(models.folder.path() / "state");
      last.reset();
      is_done.store(true, std::memory_order_relaxed);  // orders nothing
    });
    while (!is_done.load(std::memory_order_relaxed)) std::this_thread::yield();
    CHECK(follow(*model, *again) == follow(*model, *origin));
    reader.join();
  }
}

TEST_CASE("truncation gives the state that the remaining log gives, bit for bit") {
  const Models models;
  for (const auto& path : models.paths) {
    const auto model = Engine::load(path, options());
    for (const int snapshot_at : {0, 64, 100, 103}) {
      for (const int cut : {0, 1, 50, 64, 99, 100, 102, 103, 104, 140, 149}) {
        INFO(path << " snapshot " << snapshot_at << " cut " << cut);
        const auto sequence = model->open();
        append(*model, *sequence, some_tokens(64));
        if (snapshot_at == 64) sequence->snapshot();
        append(*model, *sequence, some_tokens(36, 1));
        if (snapshot_at == 100) sequence->snapshot();
        for (const Token token : some_tokens(3, 2)) step(*model, *sequence, token);
        if (snapshot_at == 103) sequence->snapshot();
        append(*model, *sequence, some_tokens(47, 3));
        const int rebuilt = sequence->truncate(cut);
        REQUIRE(static_cast<int>(sequence->tokens().size()) == cut);
        const bool attention_only = path.filename() == "qwen.gguf";
        CHECK(rebuilt == (attention_only ? 0 : cut - (snapshot_at <= cut ? snapshot_at : 0)));
        const auto again = replay(*model, sequence->tokens(), sequence->segments());
        CHECK(copy(again->segments()) == copy(sequence->segments()));
        CHECK(follow(*model, *again) == follow(*model, *sequence));
      }
    }
  }
}

TEST_CASE("truncating a fork leaves its origin alone") {
  const Models models;
  for (const auto& path : models.paths) {
    const auto model = Engine::load(path, options());
    const auto origin = model->open();
    append(*model, *origin, some_tokens(70));
    origin->snapshot();
    append(*model, *origin, some_tokens(50, 4));
    const auto fork = origin->fork();
    fork->truncate(75);
    append(*model, *fork, some_tokens(60, 5));
    const auto again = replay(*model, origin->tokens(), origin->segments());
    CHECK(follow(*model, *again) == follow(*model, *origin));
  }
}

TEST_CASE("a saved sequence loads with its log, snapshots and state, bit for bit") {
  const Models models;
  for (const auto& path : models.paths) {
    INFO(path);
    const auto file = models.folder.path() / "state";
    std::vector<float> wanted, wanted_cut;
    {
      const auto model = Engine::load(path, options());
      const auto sequence = model->open();
      append(*model, *sequence, some_tokens(100));
      sequence->snapshot();
      append(*model, *sequence, some_tokens(50, 6));
      sequence->save(file);
      wanted = follow(*model, *sequence);
      sequence->truncate(120);
      wanted_cut = follow(*model, *sequence);
    }
    const auto model = Engine::load(path, options());
    const auto sequence = model->open();
    append(*model, *sequence, some_tokens(3));
    sequence->load(file);
    CHECK(sequence->tokens().size() == 150);
    CHECK(follow(*model, *sequence) == wanted);
    CHECK(sequence->truncate(120) <= 20);
    CHECK(follow(*model, *sequence) == wanted_cut);
  }
}

TEST_CASE("an empty sequence can be saved and loaded") {
  const Models models;
  const auto model = Engine::load(models.paths[0], options());
  model->open()->save(models.folder.path() / "state");
  const auto sequence = model->open();
  append(*model, *sequence, some_tokens(3));
  sequence->load(models.folder.path() / "state");
  CHECK(sequence->tokens().empty());
  const auto fresh = model->open();
  CHECK(follow(*model, *sequence) == follow(*model, *fresh));
}

TEST_CASE("a damaged or foreign state file is refused and leaves the sequence as it was") {
  const Models models;
  const auto model = Engine::load(models.paths[0], options());
  const auto sequence = model->open();
  append(*model, *sequence, some_tokens(20));
  const auto path = models.folder.path() / "state", damaged = models.folder.path() / "damaged";
  sequence->save(path);
  const std::string good = read_file(path);
  Random random(8);
  for (int round = 0; round < 200; ++round) {
    std::string bad = good;
    const auto at = static_cast<size_t>(random.next() * static_cast<double>(bad.size()));
    if (round % 2 == 0) bad.resize(at);
    else bad[at] = static_cast<char>(bad[at] ^ (1 << (round % 8)));
    write_file_atomic(damaged, bad);
    CHECK_THROWS_AS(sequence->load(damaged), Error);
  }
  CHECK(sequence->tokens().size() == 20);
  const auto again = replay(*model, sequence->tokens(), sequence->segments());
  CHECK(follow(*model, *again) == follow(*model, *sequence));

  const auto other = Engine::load(models.paths[2], options());
  CHECK_THROWS_WITH(other->open()->load(path), Catch::EndsWith("saved by another model"));
  CHECK_THROWS_AS(sequence->load(models.folder.path() / "absent"), Error);
}

TEST_CASE("several sequences in one batch give what each gives alone, bit for bit") {
  const Models models;
  for (const auto& path : models.paths) {
    for (const char* level : {"scalar", ""}) {
      INFO(path << " " << level);
      const auto model = Engine::load(path, options(level));
      const size_t vocab = 50;
      std::vector<std::unique_ptr<Sequence>> together, alone;
      std::vector<engine::StepItem> items;
      for (const size_t length : {1, 17, 64, 130, 65}) {
        together.push_back(model->open());
        append(*model, *together.back(), some_tokens(length, length));
        alone.push_back(together.back()->fork());
      }
      for (int round = 0; round < 3; ++round) {
        items.clear();
        for (size_t i = 0; i < together.size(); ++i) {
          items.push_back({together[i].get(), static_cast<Token>(7 * i + round)});
        }
        std::vector<float> logits(vocab * items.size());
        model->step(items, logits);
        for (size_t i = 0; i < alone.size(); ++i) {
          const std::vector<float> single = step(*model, *alone[i], items[i].token);
          CHECK(std::equal(single.begin(), single.end(),
                           logits.begin() + static_cast<std::ptrdiff_t>(i * vocab)));
        }
      }
    }
  }
}

TEST_CASE("the number of threads changes no bit") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  RandomModel wide;
  wide.dim = 96;
  wide.hidden_dim = 200;
  wide.inner_dim = 256;
  wide.state_dim = 64;
  write_gated_deltanet2(path, wide);
  std::vector<std::vector<float>> results;
  for (const int threads : {1, 2, 5}) {
    EngineOptions many = options();
    many.thread_count = threads;
    const auto model = Engine::load(path, many);
    const auto sequence = model->open();
    append(*model, *sequence, some_tokens(200));
    results.push_back(follow(*model, *sequence));
  }
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("models of odd sizes give on the CPU what the reference gives") {
  const TempDir folder;
  const auto path = folder.path() / "m.gguf";
  const auto check = [&path](const RandomModel& m, auto write) {
    write(path, m);
    EngineOptions reference;
    reference.backend = "reference";
    reference.int8_activations = false;  // a rounding that flips is no small difference
    const auto slow = Engine::load(path, reference);
    const auto slow_sequence = slow->open();
    const std::vector<Token> tokens = some_tokens(150);
    const std::vector<float> wanted = append(*slow, *slow_sequence, tokens, true);
    for (const char* level : {"scalar", ""}) {
      INFO(level << " " << m.blocks << " taps " << m.conv_taps << " state " << m.state_dim);
      EngineOptions exact = options(level);
      exact.int8_activations = false;
      const auto fast = Engine::load(path, exact);
      const auto sequence = fast->open(), stepped = fast->open();
      CHECK(max_difference(append(*fast, *sequence, tokens, true), wanted) < 2e-4f);
      std::vector<float> logits;
      for (const Token token : tokens) {
        const std::vector<float> row = step(*fast, *stepped, token);
        logits.insert(logits.end(), row.begin(), row.end());
      }
      CHECK(max_difference(logits, wanted) < 2e-4f);
    }
  };
  check({}, write_gated_deltanet2);
  check({.dim = 33, .hidden_dim = 17, .head_count = 3, .kv_head_count = 1, .key_dim = 7,
         .value_dim = 5, .rope_dims = 4, .window = 9, .groups = 3, .value_heads = 6,
         .state_dim = 9, .inner_dim = 66, .conv_taps = 0, .neg_eigval = true, .bounded = true,
         .tied = true},
        write_gated_deltanet2);
  check({.type = engine::TensorType::q8_0, .dim = 64, .hidden_dim = 96, .groups = 1,
         .value_heads = 1, .state_dim = 70, .inner_dim = 40, .conv_taps = 2, .blocks = "DDA"},
        write_gated_deltanet2);
  check({.type = engine::TensorType::bf16, .conv_taps = 3, .blocks = "M-A"}, write_nemotron_h);
  check({.type = engine::TensorType::f16, .dim = 31, .groups = 3, .value_heads = 6,
         .state_dim = 11, .inner_dim = 30, .blocks = "MA-M"},
        write_nemotron_h);
  check({.type = engine::TensorType::f16, .dim = 30, .head_count = 6, .kv_head_count = 3,
         .key_dim = 14, .value_dim = 9, .rope_dims = 8, .blocks = "AAA"},
        write_qwen3);
}

TEST_CASE("tokens outside of the vocabulary and wrong sizes are refused before anything changes") {
  const Models models;
  const auto model = Engine::load(models.paths[0], options());
  const auto sequence = model->open();
  CHECK_THROWS_AS(append(*model, *sequence, std::vector<Token>{1, 50}), Error);
  CHECK_THROWS_AS(append(*model, *sequence, std::vector<Token>{-1}), Error);
  CHECK_THROWS_AS(sequence->truncate(1), Error);
  std::vector<float> wrong(7);
  CHECK_THROWS_AS(model->append(*sequence, std::vector<Token>{1}, wrong, false, {}), Error);
  const engine::StepItem twice[] = {{sequence.get(), 1}, {sequence.get(), 2}};
  std::vector<float> logits(100);
  CHECK_THROWS_AS(model->step(twice, logits), Error);
  CHECK(sequence->tokens().empty());
}

TEST_CASE("a stop request ends prefill at a chunk border") {
  const Models models;
  const auto model = Engine::load(models.paths[0], options());
  const auto sequence = model->open();
  std::stop_source stop;
  stop.request_stop();
  try {
    model->append(*sequence, some_tokens(10), {}, false, stop.get_token());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::cancelled);
  }
  CHECK(sequence->tokens().empty());
}

TEST_CASE("layers that see a window keep its pages and those before snapshots, no others") {
  const TempDir folder;
  const auto path = folder.path() / "window.gguf";
  write_gated_deltanet2(path, {.window = 20, .blocks = "AAA"});
  const auto model = Engine::load(path, options());
  const auto sequence = model->open();
  const auto pages = [&sequence] {
    const int64_t page = 3 * 64 * 2 * (10 + 6) * 4;
    const int64_t log = std::ssize(sequence->tokens()) * int64_t{sizeof(Token)} +
                        std::ssize(sequence->segments()) * int64_t{sizeof(int32_t)};
    CHECK((sequence->bytes_used() - log) % page == 0);
    return (sequence->bytes_used() - log) / page;
  };
  const auto cut = [&](int count, int rebuilt) {
    INFO(count);
    CHECK(sequence->truncate(count) == rebuilt);
    const auto again = replay(*model, sequence->tokens(), sequence->segments());
    CHECK(follow(*model, *again) == follow(*model, *sequence->fork()));
  };
  append(*model, *sequence, some_tokens(300));
  sequence->snapshot();
  append(*model, *sequence, some_tokens(700, 2));
  CHECK(pages() == 2);
  sequence->save(folder.path() / "state");
  CHECK(std::filesystem::file_size(folder.path() / "state") < 2 * 3 * 64 * 2 * (10 + 6) * 4);
  append(*model, *sequence, some_tokens(9000, 3));
  CHECK(pages() == 3);  // the window reaches back over a border
  cut(9990, 0);
  cut(500, 200);
  cut(350, 50);
  cut(301, 0);
  cut(100, 100);
  sequence->load(folder.path() / "state");
  CHECK(pages() == 2);
  cut(990, 0);
  cut(300, 0);
  CHECK(pages() == 1);
}

TEST_CASE("whatever is done to a sequence, it goes on as if never interrupted, to the bit") {
  const Models models;
  auto paths = models.paths;
  paths.push_back(models.folder.path() / "window.gguf");
  write_gated_deltanet2(paths.back(), {.window = 20, .blocks = "AAA"});
  if (const auto shared = fixtures(); !shared.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(shared / "models")) {
      if (entry.path().filename() != "bert.gguf") paths.push_back(entry.path());
    }
  }
  for (const auto& path : paths) {
    INFO(path);
    walk(path, models.folder.path() / "state");
  }
}

TEST_CASE("state files with snapshots that cannot be are refused") {
  const Models models;
  const auto evaluator = std::make_shared<engine::Evaluator>(models.paths[0], options());
  engine::Sequence::Impl sequence(evaluator);
  for (int i = 0; i < 5; ++i) {
    const std::vector<Token> tokens = some_tokens(10);
    const engine::Evaluator::Item item{&sequence.memory, tokens, nullptr};
    evaluator->run({&item, 1}, engine::Evaluator::Rows::none, {});
    sequence.log(tokens);
  }
  const auto loads = [&](const std::vector<int32_t>& lengths) {
    sequence.snapshots.clear();
    for (const int32_t length : lengths) {
      sequence.snapshots.push_back({length, sequence.memory.share_state()});
    }
    engine::Sequence::Impl fresh(evaluator);
    engine::decode_state(engine::encode_state(sequence), "state", fresh);
  };
  CHECK_NOTHROW(loads({10, 30, 50}));
  CHECK_THROWS_WITH(loads({5}), Catch::Contains("impossible snapshot"));  // within a segment
  CHECK_THROWS_WITH(loads({30, 30}), Catch::Contains("impossible snapshot"));
  CHECK_THROWS_WITH(loads({60}), Catch::Contains("impossible snapshot"));
  std::vector<int32_t> many(33);
  std::iota(many.begin(), many.end(), 1);
  CHECK_THROWS_WITH(loads(many), Catch::Contains("too many snapshots"));
}

TEST_CASE("at most 32 snapshots are kept, evenly spaced") {
  const Models models;
  const auto model = Engine::load(models.paths[1], options());
  const auto sequence = model->open();
  for (const Token token : some_tokens(100)) {
    step(*model, *sequence, token);
    sequence->snapshot();
  }
  const int64_t before = sequence->bytes_used();
  CHECK(sequence->truncate(90) <= 10);
  CHECK(sequence->bytes_used() < before);
}

}  // namespace corvid::test
