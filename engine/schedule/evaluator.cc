#include "engine/schedule/evaluator.h"

#include <algorithm>

#include "engine/state/kv_type.h"
#include "runtime/base/error.h"

namespace corvid::engine {

Evaluator::Evaluator(const std::filesystem::path& path, const EngineOptions& options)
    : file_(GgufFile::open(path)),
      hash_(file_->data_hash()),
      ops_(make_ops(options.backend, {options.cpu_level, options.thread_count,
                                      options.int8_activations})) {
  if (file_->integer("split.no").value_or(0) > 0) {
    fail(Code::invalid, file_->path() + ": not the first part of a model in several files");
  }
  model_ = make_model(*file_, *ops_);
  if (options.draft_head && !model_->enable_draft()) {
    fail(Code::unsupported, file_->path() + " has no draft head");
  }
  kv_type_ = choose_kv_type(options, *file_, model_->memory_spec());
}

void Evaluator::check(std::span<const Token> tokens) const {
  for (const Token token : tokens) {
    if (token >= 0 && token < model_->config().vocab_size) continue;
    fail(Code::invalid, "token " + std::to_string(token) + " is outside of the vocabulary of " +
                            std::to_string(model_->config().vocab_size));
  }
}

void Evaluator::run(std::span<const Item> items, Rows rows, std::span<float> logits,
                    std::span<float> hidden, const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  Batch batch;
  batch.stop = stop;
  for (const Item& item : items) {
    const auto count = static_cast<int32_t>(item.tokens.size());
    const int32_t first = item.memory->length();
    if (count > kLengthMax - first) fail(Code::invalid, "the sequence is too long");
    item.memory->prepare(count);
    batch.items.push_back({item.memory, batch.rows(), count, item.journal});
    batch.tokens.insert(batch.tokens.end(), item.tokens.begin(), item.tokens.end());
    for (int32_t i = 0; i < count; ++i) {
      batch.positions.push_back(first + i);
      if (rows == Rows::all || (rows == Rows::last && i == count - 1)) {
        batch.logit_rows.push_back(static_cast<int32_t>(batch.positions.size()) - 1);
      }
    }
  }
  model_->forward(batch, {logits, hidden});
  for (const Item& item : items) item.memory->advance(static_cast<int32_t>(item.tokens.size()));
}

void Evaluator::redo(const Journal& journal, SequenceMemory& memory,
                     std::shared_ptr<const float[]> before, int32_t kept, int32_t rows) {
  const std::lock_guard lock(mutex_);
  memory.rewind(std::move(before), memory.length() - rows + kept);
  journal.redo(memory.state(), kept);
}

std::vector<Token> Evaluator::draft(SequenceMemory& memory, Token next, int count,
                                    std::span<float> logits) {
  const std::lock_guard lock(mutex_);
  return model_->draft(memory, next, count, logits);
}

}  // namespace corvid::engine
