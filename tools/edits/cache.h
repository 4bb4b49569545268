#pragma once
// Witten-Bell trigram models counted on the spot: of a file and of a unit, each without the line
// whose tokens are scored.

#include <cstdint>
#include <span>
#include <vector>

namespace corvid::tools::edits {

// Trigram counts of sequences of token numbers. Numbers stay below 2^20.
class TrigramCounts {
 public:
  explicit TrigramCounts(size_t expected = 64);

  // Counts tokens [first, last) of `ids`, each after the two before it (-1 before the beginning).
  void add(std::span<const int> ids, int first, int last);
  void clear();

  // log P(w | u v): counts of this without those of `left_out`.
  float log_probability(int u, int v, int w, const TrigramCounts& left_out) const;
  float unigram(int w, const TrigramCounts& left_out) const;  // P(w)
  int count(int w) const;                                     // of the token itself

 private:
  struct Slot {
    uint64_t key = 0;
    int count = 0;
    int types = 0;  // distinct tokens seen after this history
  };
  static uint64_t key(int length, int u, int v, int w);
  const Slot* find(uint64_t key) const;
  Slot& at(uint64_t key);
  void grow();

  std::vector<Slot> slots_;  // open addressing, a power of two
  size_t used_ = 0;
};

}  // namespace corvid::tools::edits
