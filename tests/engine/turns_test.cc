// Threads that use one model at once: what is shared, and that it changes no result.

#include <atomic>
#include <memory>
#include <thread>

#include "engine/schedule/evaluator.h"
#include "engine/schedule/turns.h"
#include "engine/sampling.h"
#include "engine/state/sequence_impl.h"
#include "runtime/base/error.h"
#include "tests/engine/random_model.h"
#include "tests/engine/support.h"

namespace corvid::test {
namespace {

using engine::Evaluator;
using engine::SequenceMemory;
using engine::Turns;

constexpr size_t kVocab = 50;  // of the smallest model

void await(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

// Keeps the evaluator from computing until `count` calls wait for it.
std::jthread hold_until(Evaluator& evaluator, int count) {
  std::atomic<bool> is_held = false;
  std::jthread holder([&evaluator, &is_held, count] {
    evaluator.alone([&] {
      is_held = true;
      await([&] { return evaluator.waiting_count() == count; });
    });
  });
  await([&] { return is_held.load(); });
  return holder;
}

struct Member {
  std::unique_ptr<Sequence::Impl> sequence;
  std::vector<Token> tokens;
  std::vector<float> logits = {};

  void evaluate() {
    logits.resize(size_t(sequence->evaluator->model().config().vocab_size));
    const Evaluator::Item item{&sequence->memory, tokens, nullptr};
    sequence->evaluator->run({&item, 1}, Evaluator::Rows::last, logits);
  }
};

std::vector<Token> some_tokens(size_t count, size_t seed) {
  std::vector<Token> tokens(count);
  for (size_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((seed * 31 + i * 7) % kVocab);
  return tokens;
}

// Sequences of several lengths and what each evaluates next: a token, a few, or a whole chunk.
std::vector<Member> make_members(const std::shared_ptr<Evaluator>& evaluator) {
  std::vector<Member> members;
  for (const size_t next : {1, 5, 1, 64, 17}) {
    Member member;
    member.sequence = std::make_unique<Sequence::Impl>(evaluator);
    member.tokens = some_tokens(3 + 13 * members.size(), next);
    member.evaluate();
    member.tokens = some_tokens(next, members.size());
    members.push_back(std::move(member));
  }
  return members;
}

std::vector<std::filesystem::path> write_models(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const char* name : {"delta.gguf", "nemotron.gguf", "qwen.gguf"}) {
    paths.push_back(folder / name);
  }
  write_gated_deltanet2(paths[0], {.window = 20, .blocks = "DADA"});
  write_nemotron_h(paths[1], {.blocks = "M-AM-"});
  write_qwen3(paths[2], {.blocks = "AA"});
  return paths;
}

EngineOptions two_threads() {
  EngineOptions options;
  options.thread_count = 2;
  return options;
}

}  // namespace

TEST_CASE("small calls that wait share a pass, large ones and those with a stop go alone in turn") {
  Turns turns;
  std::vector<std::vector<int64_t>> passes;  // rows of the calls in each
  const Turns::Pass pass = [&](std::span<Turns::Call* const> calls) {
    std::vector<int64_t> rows;
    for (const Turns::Call* call : calls) rows.push_back(call->rows);
    passes.push_back(std::move(rows));
  };
  std::atomic<bool> goes_on = false;
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    Turns::Call first;
    turns.take(first, [&](auto) { await([&] { return goes_on.load(); }); });
  });
  const auto queue = [&](int64_t rows, bool shares) {
    const int before = turns.waiting_count();
    threads.emplace_back([&turns, &pass, rows, shares] {
      Turns::Call call;
      call.rows = rows;
      call.shares = shares;
      turns.take(call, pass);
    });
    await([&] { return turns.waiting_count() == before + 1; });
  };
  await([&] { return turns.waiting_count() == 0; });
  queue(1, true);
  queue(900, false);
  queue(2, true);
  queue(500, true);
  queue(3, true);
  queue(800, false);
  goes_on = true;
  threads.clear();
  CHECK(passes == std::vector<std::vector<int64_t>>{{1, 2, 500, 3}, {900}, {800}});
  CHECK(turns.counts().steps == 4);
  CHECK(turns.counts().passes == 1);
}

TEST_CASE("an error goes to the call it belongs to, or to all of its pass, and the next goes on") {
  Turns turns;
  std::atomic<bool> goes_on = false;
  std::vector<std::jthread> threads;
  std::vector<std::string> said(3);
  threads.emplace_back([&] {
    Turns::Call first;
    turns.take(first, [&](auto) { await([&] { return goes_on.load(); }); });
  });
  const bool fails_whole = GENERATE(false, true);
  const auto pass = [&](std::span<Turns::Call* const> calls) {
    if (fails_whole) fail(Code::device, "the pass");
    for (Turns::Call* call : calls) {
      if (call->rows == 1) call->error = std::make_exception_ptr(Error(Code::invalid, "its own"));
    }
  };
  for (int64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      Turns::Call call;
      call.rows = i;
      call.shares = true;
      try {
        turns.take(call, pass);
        said[size_t(i)] = "done";
      } catch (const Error& error) {
        said[size_t(i)] = error.what();
      }
    });
  }
  await([&] { return turns.waiting_count() == 3; });
  goes_on = true;
  threads.clear();
  if (fails_whole) CHECK(said == std::vector<std::string>(3, "the pass"));
  else CHECK(said == std::vector<std::string>{"done", "its own", "done"});
  Turns::Call next;
  next.shares = true;
  bool is_run = false;
  turns.take(next, [&](auto) { is_run = true; });
  CHECK(is_run);
}

TEST_CASE("what several threads evaluate in one pass is what each evaluates alone, bit for bit") {
  const TempDir folder;
  auto paths = write_models(folder.path());
  if (const auto shared = fixtures(); !shared.empty()) {
    for (const auto& entry : std::filesystem::directory_iterator(shared / "models")) {
      if (entry.path().filename() != "bert.gguf") paths.push_back(entry.path());
    }
  }
  for (const auto& path : paths) {
    INFO(path);
    const auto evaluator = std::make_shared<Evaluator>(path, two_threads());
    std::vector<Member> together = make_members(evaluator), alone = make_members(evaluator);
    const engine::StepCounts before = evaluator->counts();
    {
      const std::jthread holder = hold_until(*evaluator, int(together.size()));
      std::vector<std::jthread> threads;
      for (Member& member : together) threads.emplace_back([&member] { member.evaluate(); });
    }
    CHECK(evaluator->counts().passes == before.passes + 1);
    CHECK(evaluator->counts().steps == before.steps + 5);
    for (size_t i = 0; i < alone.size(); ++i) {
      alone[i].evaluate();
      CHECK(together[i].logits == alone[i].logits);
      CHECK(together[i].sequence->memory.length() == alone[i].sequence->memory.length());
      // Also what is evaluated afterwards.
      together[i].tokens = alone[i].tokens = {3};
      together[i].evaluate();
      alone[i].evaluate();
      CHECK(together[i].logits == alone[i].logits);
    }
  }
}

TEST_CASE("a sequence that is too long fails alone in a pass that it shares") {
  const TempDir folder;
  const auto path = write_models(folder.path()).back();
  const auto evaluator = std::make_shared<Evaluator>(path, two_threads());
  std::vector<Member> members = make_members(evaluator);
  SequenceMemory& full = members[1].sequence->memory;
  full.advance(engine::kLengthMax - full.length());  // pages that nobody made
  std::vector<int> failed(members.size());
  {
    const std::jthread holder = hold_until(*evaluator, int(members.size()));
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < members.size(); ++i) {
      threads.emplace_back([&members, &failed, i] {
        try {
          members[i].evaluate();
        } catch (const Error&) {
          failed[i] = 1;
        }
      });
    }
  }
  CHECK(failed == std::vector<int>{0, 1, 0, 0, 0});
  members[0].evaluate();
}

TEST_CASE("threads that draw, read and are stopped as they please get what each gets alone") {
  const TempDir folder;
  for (const auto& path : write_models(folder.path())) {
    INFO(path);
    const auto model = Engine::load(path, two_threads());
    const auto base = model->open();
    const std::vector<float> first = append(*model, *base, some_tokens(70, 1));
    // Sampled tokens, now and then a prompt of several chunks, and one that stops in the middle.
    const auto go = [&](size_t who) {
      const auto sequence = base->fork();
      std::vector<float> logits = first;
      engine::SamplingParams params;
      params.temperature = 1;
      params.seed = who;
      for (uint64_t at = 0; at < 40; ++at) {
        if (who == 1 && at == 20) break;
        if (who == 2 && at % 10 == 5) {
          std::stop_source never;
          model->append(*sequence, some_tokens(150, at), logits, false, never.get_token());
        }
        if (who == 3 && at % 10 == 7) model->append(*sequence, some_tokens(9, at), logits, false, {});
        const Token token = sample(logits, params, sequence->tokens(), at);
        logits = step(*model, *sequence, token);
      }
      const auto tokens = sequence->tokens();
      return std::vector<Token>(tokens.begin(), tokens.end());
    };
    std::vector<std::vector<Token>> alone, together(6);
    for (size_t who = 0; who < together.size(); ++who) alone.push_back(go(who));
    {
      std::vector<std::jthread> threads;
      for (size_t who = 0; who < together.size(); ++who) {
        threads.emplace_back([&, who] { together[who] = go(who); });
      }
    }
    CHECK(together == alone);
  }
}

}  // namespace corvid::test
