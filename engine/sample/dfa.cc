#include "engine/sample/dfa.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

constexpr int32_t kFar = INT32_MAX;

// Bytes to the nearest end, kFar where there is none.
std::vector<int32_t> distances(const std::vector<Dfa::State>& states) {
  std::vector<std::vector<int32_t>> from(states.size());
  std::vector<int32_t> distance(states.size(), kFar), queue;
  for (size_t i = 0; i < states.size(); ++i) {
    for (const Dfa::Edge& edge : states[i].edges) {
      from[static_cast<size_t>(edge.to)].push_back(static_cast<int32_t>(i));
    }
    if (!states[i].accepts) continue;
    distance[i] = 0;
    queue.push_back(static_cast<int32_t>(i));
  }
  for (size_t done = 0; done < queue.size(); ++done) {
    const auto to = static_cast<size_t>(queue[done]);
    for (const int32_t before : from[to]) {
      if (distance[static_cast<size_t>(before)] != kFar) continue;
      distance[static_cast<size_t>(before)] = distance[to] + 1;
      queue.push_back(before);
    }
  }
  return distance;
}

std::array<int32_t, 256> table(const Dfa& dfa, int32_t state) {
  std::array<int32_t, 256> next;
  next.fill(-1);
  if (state < 0) return next;
  for (const Dfa::Edge& edge : dfa.at(state).edges) {
    for (int byte = edge.low; byte <= edge.high; ++byte) next[static_cast<size_t>(byte)] = edge.to;
  }
  return next;
}

}  // namespace

Dfa::Dfa(std::vector<State> states) {
  if (states.empty()) return;
  const std::vector<int32_t> distance = distances(states);
  if (distance[0] == kFar) return;
  std::vector<int32_t> place(states.size(), -1);
  for (size_t i = 0; i < states.size(); ++i) {
    if (distance[i] == kFar) continue;
    place[i] = static_cast<int32_t>(states_.size());
    states_.push_back(std::move(states[i]));
    distance_.push_back(distance[i]);
  }
  for (State& state : states_) {
    for (Edge& edge : state.edges) edge.to = place[static_cast<size_t>(edge.to)];
    std::erase_if(state.edges, [](const Edge& edge) { return edge.to < 0; });
    std::ranges::sort(state.edges, {}, &Edge::low);
  }
}

int32_t Dfa::step(int32_t state, uint8_t byte) const {
  const std::vector<Edge>& edges = at(state).edges;
  const auto after = std::ranges::upper_bound(edges, byte, {}, &Edge::low);
  if (after == edges.begin() || byte > std::prev(after)->high) return -1;
  return std::prev(after)->to;
}

bool Dfa::holds(std::string_view text) const {
  if (empty()) return false;
  int32_t state = 0;
  for (const char c : text) {
    state = step(state, static_cast<uint8_t>(c));
    if (state < 0) return false;
  }
  return accepts(state);
}

std::string Dfa::shortest(int32_t state) const {
  std::string text;
  while (!at(state).accepts) {
    const std::vector<Edge>& edges = at(state).edges;
    const auto best = std::ranges::min_element(
        edges, {}, [&](const Edge& edge) { return distance_[static_cast<size_t>(edge.to)]; });
    CHECK(best != edges.end());
    // A letter where there is one.
    const bool letter = best->low <= 'a' && best->high >= 'a';
    text += letter ? 'a' : static_cast<char>(best->low);
    state = best->to;
  }
  return text;
}

std::optional<Dfa> Dfa::combine(const Dfa& a, const Dfa& b, Combine how) {
  std::map<std::pair<int32_t, int32_t>, int32_t> known;
  std::vector<std::pair<int32_t, int32_t>> places;
  std::vector<State> states;
  const auto place_of = [&](std::pair<int32_t, int32_t> pair) {
    const auto [found, added] = known.emplace(pair, static_cast<int32_t>(places.size()));
    if (added) places.push_back(pair);
    return found->second;
  };
  place_of({a.empty() ? -1 : 0, b.empty() ? -1 : 0});
  for (size_t i = 0; i < places.size(); ++i) {
    if (places.size() > kStatesMax) return std::nullopt;
    const auto [x, y] = places[i];
    const auto next_x = table(a, x), next_y = table(b, y);
    State state;
    const bool in_a = x >= 0 && a.accepts(x), in_b = y >= 0 && b.accepts(y);
    state.accepts = how == Combine::both  ? in_a && in_b
                    : how == Combine::any ? in_a || in_b
                                          : in_a && !in_b;
    for (size_t byte = 0; byte < 256; ++byte) {
      const std::pair pair{next_x[byte], next_y[byte]};
      const bool dead = how == Combine::both  ? pair.first < 0 || pair.second < 0
                        : how == Combine::any ? pair.first < 0 && pair.second < 0
                                              : pair.first < 0;
      if (dead) continue;
      const int32_t to = place_of(pair);
      const auto value = static_cast<uint8_t>(byte);
      const bool goes_on = !state.edges.empty() && state.edges.back().to == to &&
                           state.edges.back().high + 1 == value;
      if (goes_on) state.edges.back().high = value;
      else state.edges.push_back({value, value, to});
    }
    states.push_back(std::move(state));
  }
  return Dfa(std::move(states));
}

Dfa Dfa::framed(const Dfa& inner, std::string_view before, std::string_view after) {
  if (inner.empty()) return {};
  CHECK(!after.empty());
  std::vector<State> states;
  const auto add = [&](uint8_t byte) {
    State state;
    state.edges.push_back({byte, byte, static_cast<int32_t>(states.size()) + 1});
    states.push_back(std::move(state));
  };
  for (const char c : before) add(static_cast<uint8_t>(c));
  const auto base = static_cast<int32_t>(states.size());
  const int32_t tail = base + inner.size();
  for (State state : inner.states_) {
    for (Edge& edge : state.edges) edge.to += base;
    const auto first = static_cast<uint8_t>(after[0]);
    if (std::exchange(state.accepts, false)) state.edges.push_back({first, first, tail});
    states.push_back(std::move(state));
  }
  for (const char c : after.substr(1)) add(static_cast<uint8_t>(c));
  State end;
  end.accepts = true;
  states.push_back(std::move(end));
  return Dfa(std::move(states));
}

}  // namespace corvid::engine
