#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/gguf.h"

namespace corvid::engine {

inline constexpr int64_t kPageTokens = 64;

// What a model keeps for one sequence between steps, in values. Layers register what they need;
// those that see equally far share a list of pages.
struct MemorySpec {
  struct Kv {
    int64_t key_dim = 0, value_dim = 0;        // of one head
    int64_t key_width = 0, value_width = 0;    // of all heads, per token
    int64_t key_offset = 0, value_offset = 0;  // in a page: (kPageTokens, width)
    size_t list = 0;
  };
  struct PageList {
    int64_t window = 0;  // tokens seen, the own one included; 0: all
    int64_t values = 0;  // one page holds kPageTokens tokens of its layers

    // What a token at `position`, the first that is not evaluated yet, sees.
    int64_t first_seen(int64_t position) const;
    bool is_seen(int64_t page, int64_t position) const;
  };
  std::vector<Kv> kv;
  std::vector<PageList> lists;
  int64_t state_floats = 0;  // recurrent and convolution state, one block

  // Its index in `kv`.
  int add_kv(int64_t heads, int64_t key_dim, int64_t value_dim, int64_t window = 0);
  int64_t add_state(int64_t floats);  // its offset in the state
  int64_t page_values() const;        // of a page of every list
};

// The memory of one sequence at one position. Copies share pages and state; prepare() makes what is
// written next its own. `spec` is the model's and outlives it. Keys and values are kept as
// `kv_type`: F32, F16, or Q8_0 where heads are whole blocks.
class SequenceMemory {
 public:
  SequenceMemory(const MemorySpec& spec, TensorType kv_type);

  const MemorySpec& spec() const { return *spec_; }
  TensorType kv_type() const { return kv_type_; }
  int32_t length() const { return length_; }

  // Before a forward pass over `rows` tokens: their pages exist, they and the state are unshared.
  void prepare(int32_t rows);
  // After it.
  void advance(int32_t rows) { length_ += rows; }

  std::span<float> state() { return {state_.get(), static_cast<size_t>(spec_->state_floats)}; }
  // Of the list of `kv`; null where none is kept.
  std::span<std::byte* const> pages(int kv) const { return lists_[spec_->kv[size_t(kv)].list].raw; }
  int64_t bytes_of(int64_t values) const;  // of keys or values, a whole number of heads
  // Of one token and those behind it in its page.
  std::byte* keys(int kv, int64_t position);
  std::byte* values(int kv, int64_t position);
  // Keeps the keys (key_width) and values (value_width) of one token.
  void put(int kv, int64_t position, const float* keys, const float* values);

  // Drops the pages that no token from here on sees, nor one behind the first `length` tokens for a
  // `length` of `others`.
  void drop_unseen(std::span<const int32_t> others);
  // Whether all is kept that a token behind the first `length`, not above the present one, sees.
  bool sees(int32_t length) const;

  // The state alone, shared; set_state() returns to it at a `length` that sees().
  std::shared_ptr<const float[]> share_state() const { return state_; }
  void set_state(const std::shared_ptr<const float[]>& state, int32_t length);

  // Back into the middle of a pass that has just advanced: keys and values up to `length` stay, the
  // state is that of before the pass, for a Journal to bring up to `length`.
  void rewind(std::shared_ptr<const float[]> state, int32_t length);

  int64_t bytes() const;  // pages and state, shared or not

 private:
  using Page = std::shared_ptr<std::byte[]>;
  struct Pages {
    std::vector<Page> own;
    std::vector<std::byte*> raw;

    void set(size_t at, Page page);
  };

  const MemorySpec* spec_;
  TensorType kv_type_;
  int32_t length_ = 0;
  std::shared_ptr<float[]> state_;
  std::vector<Pages> lists_;
};

}  // namespace corvid::engine
