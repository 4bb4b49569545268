#include "engine/layers/draft_head.h"

#include <algorithm>
#include <utility>

#include "runtime/base/check.h"

namespace corvid::engine {

DraftHead::DraftHead(const ResidualStack& stack, MemorySpec& memory, Ops& ops, bool after_norm)
    : stack_(stack), memory_(memory), ops_(ops), after_norm_(after_norm) {}

void DraftHead::add(const ModelReader& reader, const std::string& block, std::vector<Part> parts) {
  const int64_t dim = stack_.dim(), vocab_size = stack_.vocab_size();
  const std::string next = block + "nextn.";
  Block made;
  made.embedding_norm = reader.values(next + "enorm.weight", {dim});
  made.hidden_norm = reader.values(next + "hnorm.weight", {dim});
  made.join = reader.linear(next + "eh_proj", 2 * dim, dim);
  const std::string own_norm = next + "shared_head_norm.weight";
  made.head_norm = reader.values(reader.has(own_norm) ? own_norm : "output_norm.weight", {dim});
  const std::string own_output = next + "shared_head_head.weight";
  if (reader.has(own_output)) made.output = reader.matrix(own_output, dim, vocab_size);
  const std::string own_embedding = next + "embed_tokens.weight";
  if (reader.has(own_embedding)) made.embedding = reader.matrix(own_embedding, dim, vocab_size);
  for (Part& part : parts) {
    made.norms.push_back(reader.values(part.norm, {dim}));
    made.layers.push_back(std::move(part.layer));
  }
  made.pending = memory_.add_state(dim);
  blocks_.push_back(std::move(made));
}

void DraftHead::norm(const std::vector<float>& weight, const float* x, int64_t rows,
                     float* y) const {
  ops_.norm({.x = x, .y = y, .weight = weight.data(), .rows = rows, .width = stack_.dim(),
             .eps = stack_.norm_eps()});
}

// The residual stream of the block, (rows, dim). `hidden` belongs to the rows before.
std::vector<float> DraftHead::run(const Block& block, const Batch& batch,
                                  std::span<const float> hidden, Depth depth) const {
  const int64_t rows = batch.rows(), dim = stack_.dim();
  std::vector<float> embedded(static_cast<size_t>(rows * dim)), states(embedded.size());
  ops_.gather(block.embedding.value_or(stack_.embedding()), batch.tokens, embedded.data());
  norm(block.embedding_norm, embedded.data(), rows, embedded.data());
  norm(block.hidden_norm, hidden.data(), rows, states.data());
  std::vector<float> both(2 * embedded.size());
  for (int64_t row = 0; row < rows; ++row) {
    std::copy_n(embedded.data() + row * dim, dim, both.data() + 2 * row * dim);
    std::copy_n(states.data() + row * dim, dim, both.data() + (2 * row + 1) * dim);
  }
  std::vector<float> x(embedded.size()), u(x.size()), y(x.size());
  block.join.run(ops_, both.data(), rows, x.data());
  const size_t count = depth == Depth::keys_and_values ? 1 : block.layers.size();
  for (size_t i = 0; i < count; ++i) {
    norm(block.norms[i], x.data(), rows, u.data());
    block.layers[i](batch, u.data(), y.data());
    ops_.add(y.data(), x.data(), rows * dim);
  }
  return x;
}

// Each row's hidden state where the next row wants it; a sequence's first row gets the pending one,
// and its last row's is the next to be pending.
std::vector<float> DraftHead::shifted(const Block& block, const Batch& batch,
                                      std::span<const float> hidden) const {
  const int64_t dim = stack_.dim();
  std::vector<float> result(hidden.size());
  for (const BatchItem& item : batch.items) {
    float* pending = item.memory->state().data() + block.pending;
    const float* own = hidden.data() + item.row * dim;
    std::copy_n(pending, dim, result.data() + item.row * dim);
    std::copy_n(own, (item.rows - 1) * dim, result.data() + (item.row + 1) * dim);
    std::copy_n(own + (item.rows - 1) * dim, dim, pending);
    if (item.journal == nullptr) continue;
    item.journal->add([dim, at = block.pending,
                       rows = std::vector<float>(own, own + item.rows * dim)](
                          std::span<float> state, int64_t count) {
      std::copy_n(rows.data() + (count - 1) * dim, dim, state.data() + at);
    });
  }
  return result;
}

std::vector<float> DraftHead::handed_on(const Block& block, const std::vector<float>& x) const {
  if (!after_norm_) return x;
  std::vector<float> y(x.size());
  norm(block.head_norm, x.data(), static_cast<int64_t>(x.size()) / stack_.dim(), y.data());
  return y;
}

void DraftHead::follow(const Batch& batch, std::span<const float> x) const {
  std::vector<float> hidden(x.begin(), x.end());
  if (after_norm_) stack_.output_norm(x.data(), batch.rows(), hidden.data());
  for (size_t i = 0; i < blocks_.size(); ++i) {
    const bool last = i + 1 == blocks_.size();
    const std::vector<float> before = shifted(blocks_[i], batch, hidden);
    const std::vector<float> made =
        run(blocks_[i], batch, before, last ? Depth::keys_and_values : Depth::whole);
    if (!last) hidden = handed_on(blocks_[i], made);
  }
}

std::vector<int32_t> DraftHead::draft(SequenceMemory& memory, int32_t next, int count,
                                      std::span<float> logits) const {
  const int64_t dim = stack_.dim(), vocab_size = stack_.vocab_size();
  CHECK(logits.empty() || static_cast<int64_t>(logits.size()) == count * vocab_size);
  std::vector<std::vector<float>> hidden;
  for (const Block& block : blocks_) {
    const float* pending = memory.state().data() + block.pending;
    hidden.emplace_back(pending, pending + dim);
  }
  std::vector<int32_t> tokens;
  std::vector<float> row(static_cast<size_t>(vocab_size)), normed(static_cast<size_t>(dim));
  memory.prepare(count);
  for (int step = 0; step < count; ++step) {
    Batch batch;
    batch.items.push_back({&memory, 0, 1});
    batch.tokens = {next};
    batch.positions = {memory.length()};
    const size_t first = std::min<size_t>(static_cast<size_t>(step), blocks_.size() - 1);
    const std::vector<std::vector<float>> before = hidden;
    for (size_t i = first; i < blocks_.size(); ++i) {
      const Block& block = blocks_[i];
      const std::vector<float> x = run(block, batch, before[i], Depth::whole);
      // The last block goes on with its own states once the others are used up.
      const size_t to = i + 1 < blocks_.size() ? i + 1 : i;
      const bool is_own = to == i && i > first;
      if (!is_own) hidden[to] = handed_on(block, x);
      if (i != first) continue;
      norm(block.head_norm, x.data(), 1, normed.data());
      ops_.matmul(block.output.value_or(stack_.output()), normed.data(), 1, row.data());
    }
    next = static_cast<int32_t>(std::max_element(row.begin(), row.end()) - row.begin());
    tokens.push_back(next);
    if (!logits.empty()) std::copy(row.begin(), row.end(), logits.begin() + step * vocab_size);
    memory.advance(1);
  }
  memory.advance(-count);
  return tokens;
}

}  // namespace corvid::engine
