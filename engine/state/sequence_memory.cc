#include "engine/state/sequence_memory.h"

#include <algorithm>
#include <numeric>

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

// Whether nobody else holds `block`, so that it may be written. use_count() reads without order;
// holding it once more meets the counts of those who let go of it, so that what they read of it, in
// whatever thread, has been read before.
template <typename T>
bool is_unshared(const std::shared_ptr<T[]>& block) {
  if (block.use_count() > 1) return false;
  const std::shared_ptr<T[]> again = block;
  return true;
}

size_t page_count(int32_t tokens) {
  return static_cast<size_t>((tokens + kPageTokens - 1) / kPageTokens);
}

}  // namespace

int64_t MemorySpec::PageList::first_seen(int64_t position) const {
  return window == 0 ? 0 : std::max<int64_t>(0, position - window + 1) / kPageTokens;
}

bool MemorySpec::PageList::is_seen(int64_t page, int64_t position) const {
  return page >= first_seen(position) && page * kPageTokens < position;
}

int MemorySpec::add_kv(int64_t heads, int64_t key_dim, int64_t value_dim, int64_t window) {
  const auto found = std::find_if(lists.begin(), lists.end(),
                                  [&](const PageList& list) { return list.window == window; });
  const auto at = static_cast<size_t>(found - lists.begin());
  if (found == lists.end()) lists.push_back({window, 0});
  int64_t& values = lists[at].values;
  Kv layer{key_dim, value_dim, heads * key_dim, heads * value_dim,
           values,  values + kPageTokens * heads * key_dim, at};
  values = layer.value_offset + kPageTokens * layer.value_width;
  kv.push_back(layer);
  return static_cast<int>(kv.size()) - 1;
}

int64_t MemorySpec::add_state(int64_t floats) {
  const int64_t offset = state_floats;
  state_floats += floats;
  return offset;
}

int64_t MemorySpec::page_values() const {
  return std::accumulate(lists.begin(), lists.end(), int64_t{0},
                         [](int64_t sum, const PageList& list) { return sum + list.values; });
}

SequenceMemory::SequenceMemory(const MemorySpec& spec, TensorType kv_type)
    : spec_(&spec),
      kv_type_(kv_type),
      state_(std::make_shared<float[]>(static_cast<size_t>(spec.state_floats))),
      lists_(spec.lists.size()) {}

void SequenceMemory::Pages::set(size_t at, Page page) {
  raw[at] = page.get();
  own[at] = std::move(page);
}

void SequenceMemory::prepare(int32_t rows) {
  if (!is_unshared(state_)) state_ = copy_block(state_.get(), spec_->state_floats);
  const size_t end = page_count(length_ + rows);
  for (size_t list = 0; list < lists_.size(); ++list) {
    Pages& pages = lists_[list];
    const int64_t bytes = bytes_of(spec_->lists[list].values);
    for (auto i = static_cast<size_t>(length_ / kPageTokens); i < end; ++i) {
      if (i == pages.own.size()) {
        pages.own.emplace_back();
        pages.raw.emplace_back();
        pages.set(i, std::make_shared<std::byte[]>(static_cast<size_t>(bytes)));
      } else if (!is_unshared(pages.own[i])) {
        pages.set(i, copy_block(pages.own[i].get(), bytes));
      }
    }
  }
}

void SequenceMemory::drop_unseen(std::span<const int32_t> others) {
  for (size_t list = 0; list < lists_.size(); ++list) {
    const MemorySpec::PageList& spec = spec_->lists[list];
    for (int64_t page = 0; page < spec.first_seen(length_); ++page) {
      const auto at = static_cast<size_t>(page);
      const auto sees_it = [&](int32_t length) { return spec.is_seen(page, length); };
      const bool is_kept = lists_[list].raw[at] == nullptr ||
                           std::any_of(others.begin(), others.end(), sees_it);
      if (!is_kept) lists_[list].set(at, nullptr);
    }
  }
}

bool SequenceMemory::sees(int32_t length) const {
  for (size_t list = 0; list < lists_.size(); ++list) {
    const auto first = static_cast<size_t>(spec_->lists[list].first_seen(length));
    for (size_t at = first; at < page_count(length); ++at) {
      if (lists_[list].raw[at] == nullptr) return false;
    }
  }
  return true;
}

int64_t SequenceMemory::bytes_of(int64_t values) const {
  const TypeInfo& info = type_info(kv_type_);
  return values / info.block_elements * info.block_bytes;
}

std::byte* SequenceMemory::keys(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return pages(kv)[static_cast<size_t>(position / kPageTokens)] +
         bytes_of(layer.key_offset + position % kPageTokens * layer.key_width);
}

std::byte* SequenceMemory::values(int kv, int64_t position) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  return pages(kv)[static_cast<size_t>(position / kPageTokens)] +
         bytes_of(layer.value_offset + position % kPageTokens * layer.value_width);
}

void SequenceMemory::put(int kv, int64_t position, const float* key_row, const float* value_row) {
  const MemorySpec::Kv& layer = spec_->kv[static_cast<size_t>(kv)];
  quantize_row(kv_type_, key_row, layer.key_width, keys(kv, position));
  quantize_row(kv_type_, value_row, layer.value_width, values(kv, position));
}

void SequenceMemory::set_state(const std::shared_ptr<const float[]>& state, int32_t length) {
  CHECK(length <= length_);
  CHECK(sees(length));
  // The copy is made by prepare(); until then the block is only read.
  state_ = std::const_pointer_cast<float[]>(state);
  length_ = length;
  for (Pages& pages : lists_) {
    pages.own.resize(page_count(length));
    pages.raw.resize(page_count(length));
  }
}

void SequenceMemory::rewind(std::shared_ptr<const float[]> state, int32_t length) {
  CHECK(length <= length_);
  state_ = std::const_pointer_cast<float[]>(std::move(state));
  if (!is_unshared(state_)) state_ = copy_block(state_.get(), spec_->state_floats);
  length_ = length;
}

int64_t SequenceMemory::bytes() const {
  int64_t bytes = static_cast<int64_t>(sizeof(float)) * spec_->state_floats;
  for (size_t list = 0; list < lists_.size(); ++list) {
    const auto& raw = lists_[list].raw;
    bytes += (std::ssize(raw) - std::count(raw.begin(), raw.end(), nullptr)) *
             bytes_of(spec_->lists[list].values);
  }
  return bytes;
}

}  // namespace corvid::engine
