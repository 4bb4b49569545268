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

struct Evaluator::Call : Turns::Call {
  std::span<const Item> items;
  Rows wanted = Rows::none;
  std::span<float> logits, hidden;
  std::stop_token stop;
};

void Evaluator::run(std::span<const Item> items, Rows rows, std::span<float> logits,
                    std::span<float> hidden, const std::stop_token& stop) {
  Call call;
  call.items = items;
  call.wanted = rows;
  call.logits = logits;
  call.hidden = hidden;
  call.stop = stop;
  call.shares = hidden.empty() && !stop.stop_possible() && rows != Rows::all;
  for (const Item& item : items) {
    call.rows += std::ssize(item.tokens);
    if (item.journal != nullptr) call.shares = false;
  }
  if (call.rows > kSharedRowsMax) call.shares = false;
  turns_.take(call, [this](std::span<Turns::Call* const> calls) { forward(calls); });
}

// One pass for all of `calls`.
void Evaluator::forward(std::span<Turns::Call* const> calls) {
  std::vector<Call*> ready;
  size_t logits_size = 0;
  for (Turns::Call* each : calls) {
    Call* call = static_cast<Call*>(each);
    try {
      for (const Item& item : call->items) {
        const auto count = static_cast<int32_t>(item.tokens.size());
        if (count > kLengthMax - item.memory->length()) {
          fail(Code::invalid, "the sequence is too long");
        }
        item.memory->prepare(count);
      }
      ready.push_back(call);
      logits_size += call->logits.size();
    } catch (...) {  // edge: thrown again in the thread that asked; the others go on
      call->error = std::current_exception();
    }
  }
  if (ready.empty()) return;
  Batch batch;
  for (const Call* call : ready) {
    for (const Item& item : call->items) {
      const auto count = static_cast<int32_t>(item.tokens.size());
      const int32_t first = item.memory->length();
      batch.items.push_back({item.memory, batch.rows(), count, item.journal});
      batch.tokens.insert(batch.tokens.end(), item.tokens.begin(), item.tokens.end());
      for (int32_t i = 0; i < count; ++i) {
        batch.positions.push_back(first + i);
        if (call->wanted == Rows::all || (call->wanted == Rows::last && i == count - 1)) {
          batch.logit_rows.push_back(static_cast<int32_t>(batch.positions.size()) - 1);
        }
      }
    }
  }
  if (ready.size() == 1) {
    batch.stop = ready[0]->stop;
    model_->forward(batch, {ready[0]->logits, ready[0]->hidden});
  } else {
    if (rows_.size() < logits_size) rows_.resize(logits_size);
    model_->forward(batch, {std::span(rows_).first(logits_size), {}});
    const float* row = rows_.data();
    for (const Call* call : ready) {
      std::copy_n(row, call->logits.size(), call->logits.begin());
      row += call->logits.size();
    }
  }
  for (const Call* call : ready) {
    for (const Item& item : call->items) {
      item.memory->advance(static_cast<int32_t>(item.tokens.size()));
    }
  }
}

void Evaluator::alone(const std::function<void()>& work) {
  Turns::Call call;
  turns_.take(call, [&work](std::span<Turns::Call* const>) { work(); });
}

void Evaluator::redo(const Journal& journal, SequenceMemory& memory,
                     std::shared_ptr<const float[]> before, int32_t kept, int32_t rows) {
  alone([&] {
    memory.rewind(std::move(before), memory.length() - rows + kept);
    journal.redo(memory.state(), kept);
  });
}

std::vector<Token> Evaluator::draft(SequenceMemory& memory, Token next, int count,
                                    std::span<float> logits) {
  std::vector<Token> drafts;
  alone([&] { drafts = model_->draft(memory, next, count, logits); });
  return drafts;
}

}  // namespace corvid::engine
