#pragma once
// Counts n-grams and makes the packed tables of ngrams.h: modified Kneser-Ney with interpolation
// (Chen and Goodman 1998), pruned by weighted difference (Seymore and Rosenfeld 1996).

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/edits/language.h"
#include "tools/edits/ngrams.h"

namespace corvid::tools::edits {

class NgramCounts {
 public:
  // Tokens of fewer than `documents_min` calls of add() are counted as their class.
  // `language` must outlive this.
  explicit NgramCounts(const Language& language, int documents_min = 3);

  void add(std::string_view code);  // one function

  // The packed orders, at most `bytes_max` together. Empties this.
  std::string pack(size_t bytes_max);

 private:
  struct Node {
    uint64_t hash = 0, context = 0, suffix = 0;
    float raw = 0, count = 0;                 // count: distinct left neighbours, or raw
    float total = 0, n1 = 0, n2 = 0, n3 = 0;  // of the tokens after this n-gram
    float probability = 0, backoff = 1, gain = 0;
    bool starts = false;  // begins with the beginning of a function
    bool kept = false;
  };
  struct Order {
    std::vector<Node> nodes;
    std::unordered_map<uint64_t, uint32_t> index;
    Node* find(uint64_t hash);
    Node& at(uint64_t hash);
  };
  struct Word {
    uint64_t hash = 0;
    uint64_t class_hash = 0;
    int documents = 0;
  };

  void count_sequence(const std::vector<uint64_t>& tokens);
  void estimate(int n);
  void keep_within(size_t bytes_max);
  void weigh_backoffs(int n);
  float evaluate(int n, uint64_t hash, uint64_t context, uint64_t suffix);

  const Language& language_;
  int documents_min_;
  std::vector<Order> orders_;  // index n - 1
  std::unordered_map<std::string, uint32_t> words_;
  std::vector<Word> word_list_;
  std::vector<std::vector<uint32_t>> documents_;
};

}  // namespace corvid::tools::edits
