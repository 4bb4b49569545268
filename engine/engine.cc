#include "engine/engine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/backends/ops.h"
#include "engine/gguf.h"
#include "engine/schedule/evaluator.h"
#include "engine/state/sequence_impl.h"
#include "engine/tokenizer.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/once.h"

namespace corvid::engine {
namespace {

constexpr int kChunkTokensMax = 4096;
constexpr size_t kPassTokens = 512;  // of several chunks in one pass, so that weights are read once

// The tokens that are evaluated together from `position` on, in chunks with borders at multiples of
// `chunk`: several only where a pass gives what one for each chunk would give, bit for bit.
size_t pass_tokens(size_t position, size_t chunk) {
  const bool joined = position % chunk == 0 && chunk % static_cast<size_t>(kChunkTokens) == 0;
  return joined ? std::max(chunk, kPassTokens / chunk * chunk) : chunk - position % chunk;
}

// Puts a sequence's memory back to where it was, unless the pass was finished.
class Undo {
 public:
  explicit Undo(SequenceMemory& memory)
      : memory_(memory), state_(memory.share_state()), length_(memory.length()) {}
  ~Undo() {
    if (state_ != nullptr) memory_.set_state(state_, length_);
  }
  // What is done stays. Returns the state of before.
  std::shared_ptr<const float[]> keep() { return std::exchange(state_, nullptr); }

 private:
  SequenceMemory& memory_;
  std::shared_ptr<const float[]> state_;
  int32_t length_;
};

ModelSummary summarise(const Evaluator& evaluator) {
  const GgufFile& file = evaluator.file();
  const ModelConfig& config = evaluator.model().config();
  ModelSummary summary;
  summary.architecture = file.string("general.architecture").value_or("");
  summary.name = file.string("general.name").value_or("");
  summary.file = file.path();
  for (const TensorView& tensor : file.tensors()) summary.parameter_count += tensor.element_count();
  summary.file_bytes = file.file_bytes();
  summary.vocab_size = config.vocab_size;
  summary.layer_count = config.layer_count;
  summary.dim = config.dim;
  summary.context_max = config.context_max;
  summary.backend = evaluator.backend_text();
  summary.kv_type = type_info(evaluator.kv_type()).name;
  summary.hash = evaluator.hash();
  return summary;
}

void check_size(std::span<const float> logits, size_t rows, int32_t vocab_size) {
  const size_t wanted = rows * static_cast<size_t>(vocab_size);
  if (logits.empty() || logits.size() == wanted) return;
  fail(Code::invalid, "logits should have room for " + std::to_string(wanted) + " values, not " +
                          std::to_string(logits.size()));
}

}  // namespace

struct Engine::Impl {
  std::shared_ptr<Evaluator> evaluator;
  ModelSummary summary;
  int chunk_tokens = 0;
  mutable Once tokenizer_made;
  mutable std::unique_ptr<Tokenizer> tokenizer;

  void check_decoder() const {
    if (!evaluator->model().config().is_encoder) return;
    fail(Code::unsupported, summary.file + " gives embeddings, no text: use `corvid model embed`");
  }
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

std::unique_ptr<Engine> Engine::load(const std::filesystem::path& model,
                                     const EngineOptions& options) {
  if (options.chunk_tokens < 1 || options.chunk_tokens > kChunkTokensMax) {
    fail(Code::invalid, "chunk_tokens should be 1 to " + std::to_string(kChunkTokensMax));
  }
  auto impl = std::make_unique<Impl>();
  impl->evaluator = std::make_shared<Evaluator>(model, options);
  impl->summary = summarise(*impl->evaluator);
  impl->chunk_tokens = options.chunk_tokens;
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

const ModelSummary& Engine::summary() const { return impl_->summary; }
const GgufFile& Engine::file() const { return impl_->evaluator->file(); }

const Tokenizer& Engine::tokenizer() const {
  impl_->tokenizer_made.call([this] { impl_->tokenizer = Tokenizer::make(file()); });
  return *impl_->tokenizer;
}

std::unique_ptr<Sequence> Engine::open() {
  return std::unique_ptr<Sequence>(
      new Sequence(std::make_unique<Sequence::Impl>(impl_->evaluator)));
}

StepCounts Engine::step_counts() const { return impl_->evaluator->counts(); }

void Engine::append(Sequence& sequence, std::span<const Token> tokens, std::span<float> logits,
                    bool every_row, std::stop_token stop) {
  const auto vocab_size = static_cast<size_t>(impl_->summary.vocab_size);
  impl_->check_decoder();
  impl_->evaluator->check(tokens);
  check_size(logits, every_row ? tokens.size() : 1, impl_->summary.vocab_size);
  if (tokens.empty() && !logits.empty()) fail(Code::invalid, "no token to give logits for");
  const auto chunk_tokens = static_cast<size_t>(impl_->chunk_tokens);
  for (size_t done = 0; done < tokens.size();) {
    if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
    const size_t position = sequence.impl_->tokens.size();
    const size_t count = std::min(tokens.size() - done, pass_tokens(position, chunk_tokens));
    const bool last = done + count == tokens.size();
    const Evaluator::Item item{&sequence.impl_->memory, tokens.subspan(done, count), nullptr};
    auto rows = Evaluator::Rows::none;
    std::span<float> out;
    if (!logits.empty() && every_row) {
      rows = Evaluator::Rows::all;
      out = logits.subspan(done * vocab_size, count * vocab_size);
    } else if (!logits.empty() && last) {
      rows = Evaluator::Rows::last;
      out = logits;
    }
    std::optional<Undo> undo;
    if (stop.stop_possible()) undo.emplace(sequence.impl_->memory);
    impl_->evaluator->run({&item, 1}, rows, out, {}, stop);
    if (undo) undo->keep();
    for (size_t at = 0; at < count; at += chunk_tokens) {
      sequence.impl_->log(item.tokens.subspan(at, std::min(chunk_tokens, count - at)));
    }
    done += count;
  }
}

void Engine::step(std::span<const StepItem> items, std::span<float> logits) {
  impl_->check_decoder();
  check_size(logits, items.size(), impl_->summary.vocab_size);
  std::vector<Evaluator::Item> work;
  for (const StepItem& item : items) {
    SequenceMemory* memory = &item.sequence->impl_->memory;
    for (const Evaluator::Item& other : work) {
      if (other.memory == memory) fail(Code::invalid, "a sequence is in the batch twice");
    }
    impl_->evaluator->check({&item.token, 1});
    work.push_back({memory, {&item.token, 1}, nullptr});
  }
  if (work.empty()) return;
  impl_->evaluator->run(work, logits.empty() ? Evaluator::Rows::none : Evaluator::Rows::last,
                        logits);
  for (const StepItem& item : items) item.sequence->impl_->log({&item.token, 1});
}

void Engine::verify(Sequence& sequence, std::span<const Token> tokens, std::span<float> logits,
                    const std::function<size_t()>& keep) {
  impl_->check_decoder();
  impl_->evaluator->check(tokens);
  if (tokens.empty()) fail(Code::invalid, "no token to verify");
  check_size(logits, tokens.size(), impl_->summary.vocab_size);
  SequenceMemory& memory = sequence.impl_->memory;
  Undo undo(memory);
  Journal journal;
  const Evaluator::Item item{&memory, tokens, &journal};
  impl_->evaluator->run({&item, 1}, Evaluator::Rows::all, logits);
  const size_t kept = keep();
  CHECK(kept >= 1 && kept <= tokens.size());
  std::shared_ptr<const float[]> before = undo.keep();
  if (kept < tokens.size()) {
    impl_->evaluator->redo(journal, memory, std::move(before), static_cast<int32_t>(kept),
                           static_cast<int32_t>(tokens.size()));
  }
  for (size_t i = 0; i < kept; ++i) sequence.impl_->log(tokens.subspan(i, 1));
}

std::vector<Token> Engine::draft(Sequence& sequence, Token next, int count,
                                 std::span<float> logits) {
  impl_->evaluator->check({&next, 1});
  if (count < 0) fail(Code::invalid, "a negative number of drafts");
  check_size(logits, static_cast<size_t>(count), impl_->summary.vocab_size);
  return impl_->evaluator->draft(sequence.impl_->memory, next, count, logits);
}

}  // namespace corvid::engine
