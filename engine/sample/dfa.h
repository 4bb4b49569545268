#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine {

// A set of texts as a deterministic automaton over bytes, which only goes where a text still ends.
class Dfa {
 public:
  struct Edge {
    uint8_t low = 0, high = 0;
    int32_t to = -1;
  };
  struct State {
    std::vector<Edge> edges;  // ascending, apart from each other
    bool accepts = false;
  };
  enum class Combine { both, any, without };

  Dfa() = default;
  explicit Dfa(std::vector<State> states);  // the first is the start; what leads nowhere is dropped

  bool empty() const { return states_.empty(); }  // no text at all
  int32_t size() const { return static_cast<int32_t>(states_.size()); }
  int32_t step(int32_t state, uint8_t byte) const;  // -1: no text goes on so
  bool accepts(int32_t state) const { return at(state).accepts; }
  bool is_end(int32_t state) const { return at(state).edges.empty(); }
  std::string shortest(int32_t state) const;  // the shortest way to the end of a text
  const State& at(int32_t state) const { return states_[static_cast<size_t>(state)]; }
  bool holds(std::string_view text) const;

  // Texts of both, of at least one, of `a` alone. nullopt: more than kStatesMax states.
  static std::optional<Dfa> combine(const Dfa& a, const Dfa& b, Combine how);
  // Each text between `before` and `after`; `after` begins with no byte that a text may go on with.
  static Dfa framed(const Dfa& inner, std::string_view before, std::string_view after);

  static constexpr size_t kStatesMax = 20000;

 private:
  std::vector<State> states_;
  std::vector<int32_t> distance_;  // bytes to the nearest end
};

}  // namespace corvid::engine
