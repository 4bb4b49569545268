#pragma once

#include <filesystem>
#include <vector>

namespace corvid::runtime {

struct ModelBench {
  std::filesystem::path file;
  std::vector<int> prompt_lengths, depths;  // tokens
  int decode_tokens = 64, repeat = 3;
  int threads = 0;  // 0: all cores
  bool int8_activations = true;
  bool json = false;
};

// Prints tokens per second of prefill and decode at every depth, with the spread of the runs, what
// a decoded token reads, and which share of the memory bandwidth measured here that is.
void run_model_bench(const ModelBench& bench);

}  // namespace corvid::runtime
