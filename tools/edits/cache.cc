#include "tools/edits/cache.h"

#include <algorithm>
#include <cmath>

namespace corvid::tools::edits {

namespace {

constexpr float kUnseen = 1.0f / 20000;  // of a token that was never seen

uint64_t spread(uint64_t x) {
  x *= 0x9e3779b97f4a7c15ull;
  return x ^ (x >> 32);
}

}  // namespace

TrigramCounts::TrigramCounts(size_t expected) {
  size_t size = 64;
  while (size < expected * 2) size *= 2;
  slots_.resize(size);
}

// Length 1..3 for n-grams, 4..6 for the histories of 0..2 tokens.
uint64_t TrigramCounts::key(int length, int u, int v, int w) {
  const auto bits = [](int id) { return static_cast<uint64_t>(id + 1) & 0xfffff; };
  return (static_cast<uint64_t>(length) << 60) | (bits(u) << 40) | (bits(v) << 20) | bits(w);
}

const TrigramCounts::Slot* TrigramCounts::find(uint64_t wanted) const {
  const size_t mask = slots_.size() - 1;
  for (size_t i = spread(wanted) & mask;; i = (i + 1) & mask) {
    if (slots_[i].key == wanted) return &slots_[i];
    if (slots_[i].key == 0) return nullptr;
  }
}

TrigramCounts::Slot& TrigramCounts::at(uint64_t wanted) {
  if (used_ * 2 >= slots_.size()) grow();
  const size_t mask = slots_.size() - 1;
  for (size_t i = spread(wanted) & mask;; i = (i + 1) & mask) {
    if (slots_[i].key == wanted) return slots_[i];
    if (slots_[i].key == 0) {
      slots_[i].key = wanted;
      ++used_;
      return slots_[i];
    }
  }
}

void TrigramCounts::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.key == 0) continue;
    size_t i = spread(slot.key) & mask;
    while (slots_[i].key != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void TrigramCounts::clear() {
  if (used_ == 0) return;
  std::fill(slots_.begin(), slots_.end(), Slot{});
  used_ = 0;
}

void TrigramCounts::add(std::span<const int> ids, int first, int last) {
  const auto id = [&](int i) { return i < 0 ? -1 : ids[static_cast<size_t>(i)]; };
  for (int i = first; i < last; ++i) {
    const int u = id(i - 2), v = id(i - 1), w = id(i);
    const bool new3 = ++at(key(3, u, v, w)).count == 1;
    const bool new2 = ++at(key(2, 0, v, w)).count == 1;
    const bool new1 = ++at(key(1, 0, 0, w)).count == 1;
    const auto history = [&](uint64_t k, bool is_new) {
      Slot& slot = at(k);
      ++slot.count;
      slot.types += is_new;
    };
    history(key(6, u, v, 0), new3);
    history(key(5, 0, v, 0), new2);
    history(key(4, 0, 0, 0), new1);
  }
}

int TrigramCounts::count(int w) const {
  const Slot* slot = find(key(1, 0, 0, w));
  return slot == nullptr ? 0 : slot->count;
}

float TrigramCounts::unigram(int w, const TrigramCounts& left_out) const {
  const Slot* all = find(key(4, 0, 0, 0));
  if (all == nullptr) return kUnseen;
  const Slot* without = left_out.find(key(4, 0, 0, 0));
  const int total = all->count - (without == nullptr ? 0 : without->count);
  const int hits = count(w) - left_out.count(w);
  const int types = std::min(all->types, total);
  if (total <= 0) return kUnseen;
  return (static_cast<float>(hits) + static_cast<float>(types) * kUnseen) /
         static_cast<float>(total + types);
}

float TrigramCounts::log_probability(int u, int v, int w, const TrigramCounts& left_out) const {
  float p = unigram(w, left_out);
  const auto refine = [&](uint64_t history, uint64_t gram) {
    const Slot* h = find(history);
    if (h == nullptr) return;
    const Slot* h_out = left_out.find(history);
    const int total = h->count - (h_out == nullptr ? 0 : h_out->count);
    if (total <= 0) return;
    const Slot* g = find(gram);
    int hits = g == nullptr ? 0 : g->count;
    if (hits > 0) {
      const Slot* g_out = left_out.find(gram);
      hits -= g_out == nullptr ? 0 : g_out->count;
    }
    const auto types = static_cast<float>(std::min(h->types, total));
    p = (static_cast<float>(hits) + types * p) / (static_cast<float>(total) + types);
  };
  refine(key(5, 0, v, 0), key(2, 0, v, w));
  refine(key(6, u, v, 0), key(3, u, v, w));
  return std::log(std::max(p, 1e-9f));
}

}  // namespace corvid::tools::edits
