#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace corvid::engine {

inline constexpr int64_t kPageTokens = 64;

// What a model keeps for one sequence between steps, in floats. Layers register what they need.
struct MemorySpec {
  struct Kv {
    int64_t key_width = 0, value_width = 0;    // per token
    int64_t key_offset = 0, value_offset = 0;  // in a page: (kPageTokens, width)
  };
  std::vector<Kv> kv;
  int64_t page_floats = 0;   // one page holds kPageTokens tokens of every layer
  int64_t state_floats = 0;  // recurrent and convolution state, one block

  int add_kv(int64_t key_width, int64_t value_width);  // its index in `kv`
  int64_t add_state(int64_t floats);                   // its offset in the state
};

// The memory of one sequence at one position. Copies share pages and state; prepare() makes what is
// written next its own. `spec` is the model's and outlives it.
class SequenceMemory {
 public:
  explicit SequenceMemory(const MemorySpec& spec);

  const MemorySpec& spec() const { return *spec_; }
  int32_t length() const { return length_; }

  // Before a forward pass over `rows` tokens: their pages exist, they and the state are unshared.
  void prepare(int32_t rows);
  // After it.
  void advance(int32_t rows) { length_ += rows; }

  std::span<float> state() { return {state_.get(), static_cast<size_t>(spec_->state_floats)}; }
  std::span<float* const> pages() { return raw_pages_; }
  float* keys(int kv, int64_t position);    // (key_width) of one token
  float* values(int kv, int64_t position);  // (value_width)

  // The state alone, shared; set_state() returns to it at `length`, not above the present one.
  std::shared_ptr<const float[]> share_state() const { return state_; }
  void set_state(const std::shared_ptr<const float[]>& state, int32_t length);

  // Back into the middle of a pass that has just advanced: keys and values up to `length` stay, the
  // state is that of before the pass, for a Journal to bring up to `length`.
  void rewind(std::shared_ptr<const float[]> state, int32_t length);

  int64_t bytes() const;  // pages and state, shared or not

 private:
  using Block = std::shared_ptr<float[]>;
  void push_page(Block page);

  const MemorySpec* spec_;
  int32_t length_ = 0;
  Block state_;
  std::vector<Block> pages_;
  std::vector<float*> raw_pages_;
};

}  // namespace corvid::engine
