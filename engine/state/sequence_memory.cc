#include "engine/state/sequence_memory.h"

#include <algorithm>

#include "engine/backends/common/dequantize.h"
#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

template <typename T>
std::shared_ptr<T[]> copy_block(const T* from, int64_t count) {
  auto block = std::make_shared_for_overwrite<T[]>(static_cast<size_t>(count));
  std::copy_n(from, count, block.get());
  return block;
}

}  // namespace

int MemorySpec::add_kv(int64_t heads, int64_t key_dim, int64_t value_dim) {
  Kv layer{key_dim,     value_dim,  heads * key_dim, heads * value_dim,
           page_values, page_values + kPageTokens * heads * key_dim};
  page_values = layer.value_offset + kPageTokens * layer.value_width;
  kv.push_back(layer);
  return static_cast<int>(kv.size()) - 1;
}

int64_t MemorySpec::add_state(int64_t floats) {
  const int64_t offset = state_floats;
  state_floats += floats;
  return offset;
}

SequenceMemory::SequenceMemory(const MemorySpec& spec, TensorType kv_type)
    : spec_(&spec),
      kv_type_(kv_type),
      state_(std::make_shared<float[]>(static_cast<size_t>(spec.state_floats))) {}

void SequenceMemory::push_page(Page page) {
  raw_pages_.push_back(page.get());
  pages_.push_back(std::move(page));
}

void SequenceMemory::prepare(int32_t rows) {
  if (state_.use_count() > 1) state_ = copy_block(state_.get(), spec_->state_floats);
  if (spec_->page_values == 0) return;
  const auto end = static_cast<size_t>((length_ + rows + kPageTokens - 1) / kPageTokens);
  for (auto i = static_cast<size_t>(length_ / kPageTokens); i < std::min(end, pages_.size()); ++i) {
    if (pages_[i].use_count() == 1) continue;
    pages_[i] = copy_block(pages_[i].get(), page_bytes());
    raw_pages_[i] = pages_[i].get();
  }
  while (pages_.size() < end) {
    push_page(std::make_shared<std::byte[]>(static_cast<size_t>(page_bytes())));
  }
}

int64_t SequenceMemory::bytes_of(int64_t values) const {
  const TypeInfo& info = type_info(kv_type_);
  return values / info.block_elements * info.block_bytes;
}

std::byte* SequenceMemory::keys(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return raw_pages_[static_cast<size_t>(position / kPageTokens)] +
         bytes_of(layer.key_offset + position % kPageTokens * layer.key_width);
}

std::byte* SequenceMemory::values(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return raw_pages_[static_cast<size_t>(position / kPageTokens)] +
         bytes_of(layer.value_offset + position % kPageTokens * layer.value_width);
}

void SequenceMemory::put(int kv, int64_t position, const float* key_row, const float* value_row) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  quantize_row(kv_type_, key_row, layer.key_width, keys(kv, position));
  quantize_row(kv_type_, value_row, layer.value_width, values(kv, position));
}

void SequenceMemory::set_state(const std::shared_ptr<const float[]>& state, int32_t length) {
  CHECK(length <= length_);
  // The copy is made by prepare(); until then the block is only read.
  state_ = std::const_pointer_cast<float[]>(state);
  length_ = length;
  const auto page_count = spec_->page_values == 0
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
  return static_cast<int64_t>(pages_.size()) * page_bytes() +
         static_cast<int64_t>(sizeof(float)) * spec_->state_floats;
}

}  // namespace corvid::engine
