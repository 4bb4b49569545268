#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace corvid::runtime {

struct ModelBench {
  std::filesystem::path file;
  std::vector<int> prompt_lengths, depths;  // tokens
  int decode_tokens = 64, repeat = 3;
  int sequences = 0;              // more than 0: also so many decoded in one batch, at depth 0
  int turn_kept = 0, turn_new = 0;  // more than 0: also a turn of so many new tokens
  int threads = 0;  // 0: all cores
  bool int8_activations = true;
  std::string kv_type;  // as of EngineOptions
  bool json = false;
};

// Prints tokens per second of prefill and decode at every depth, with the spread of the runs, what
// a decoded token reads, and which share of the memory bandwidth measured here that is. A turn: the
// eight tokens of a reply are taken back, `turn_kept` tokens stay, and new ones are read, as where
// a template shows a reply otherwise than it was written.
void run_model_bench(const ModelBench& bench);

}  // namespace corvid::runtime
