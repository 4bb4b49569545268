#include "engine/state/sequence_memory.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

std::shared_ptr<float[]> copy_block(const float* from, int64_t floats) {
  auto block = std::make_shared_for_overwrite<float[]>(static_cast<size_t>(floats));
  std::copy_n(from, floats, block.get());
  return block;
}

}  // namespace

int MemorySpec::add_kv(int64_t key_width, int64_t value_width) {
  Kv layer{key_width, value_width, page_floats, page_floats + kPageTokens * key_width};
  page_floats = layer.value_offset + kPageTokens * value_width;
  kv.push_back(layer);
  return static_cast<int>(kv.size()) - 1;
}

int64_t MemorySpec::add_state(int64_t floats) {
  const int64_t offset = state_floats;
  state_floats += floats;
  return offset;
}

SequenceMemory::SequenceMemory(const MemorySpec& spec)
    : spec_(&spec), state_(std::make_shared<float[]>(static_cast<size_t>(spec.state_floats))) {}

void SequenceMemory::push_page(Block page) {
  raw_pages_.push_back(page.get());
  pages_.push_back(std::move(page));
}

void SequenceMemory::prepare(int32_t rows) {
  if (state_.use_count() > 1) state_ = copy_block(state_.get(), spec_->state_floats);
  if (spec_->page_floats == 0) return;
  const auto end = static_cast<size_t>((length_ + rows + kPageTokens - 1) / kPageTokens);
  for (auto i = static_cast<size_t>(length_ / kPageTokens); i < std::min(end, pages_.size()); ++i) {
    if (pages_[i].use_count() == 1) continue;
    pages_[i] = copy_block(pages_[i].get(), spec_->page_floats);
    raw_pages_[i] = pages_[i].get();
  }
  while (pages_.size() < end) {
    push_page(std::make_shared<float[]>(static_cast<size_t>(spec_->page_floats)));
  }
}

float* SequenceMemory::keys(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return raw_pages_[static_cast<size_t>(position / kPageTokens)] + layer.key_offset +
         position % kPageTokens * layer.key_width;
}

float* SequenceMemory::values(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return raw_pages_[static_cast<size_t>(position / kPageTokens)] + layer.value_offset +
         position % kPageTokens * layer.value_width;
}

void SequenceMemory::set_state(const std::shared_ptr<const float[]>& state, int32_t length) {
  CHECK(length <= length_);
  // The copy is made by prepare(); until then the block is only read.
  state_ = std::const_pointer_cast<float[]>(state);
  length_ = length;
  const auto page_count = spec_->page_floats == 0
                              ? 0
                              : static_cast<size_t>((length + kPageTokens - 1) / kPageTokens);
  pages_.resize(page_count);
  raw_pages_.resize(page_count);
}

void SequenceMemory::rewind(std::shared_ptr<const float[]> state, int32_t length) {
  CHECK(length <= length_);
  state_ = std::const_pointer_cast<float[]>(std::move(state));
  if (state_.use_count() > 1) state_ = copy_block(state_.get(), spec_->state_floats);
  length_ = length;
}

int64_t SequenceMemory::bytes() const {
  return static_cast<int64_t>(sizeof(float)) *
         (static_cast<int64_t>(pages_.size()) * spec_->page_floats + spec_->state_floats);
}

}  // namespace corvid::engine
