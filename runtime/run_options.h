#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/json_fwd.h"
#include "tools/edit_candidates.h"

namespace corvid::runtime {

// What `corvid run` is asked to do.
struct RunOptions {
  std::string task;
  std::filesystem::path workspace;  // absolute, canonical
  std::string model;                // empty: the default model
  std::string verify;               // check command; empty: none
  int attempts = 0;                 // 0: as the model's profile says
  int turns_max = 60;               // replies of the model, per attempt
  int checks_max = 0;               // failed checks per attempt; 0: 4 alone, 1 in attempts
  int64_t time_max_s = 3600;        // of the whole run
  int64_t check_time_max_s = 600;
  int64_t command_time_max_s = 120;  // of a tool's command
  int tokens_max = 4096;             // of one reply
  int64_t context_tokens = 0;        // the model's window; 0: what the model says, or is usual
  int64_t reasoning_tokens_max = -1;  // before one reply; 0: none; below 0: the usual limit
  int64_t tokens_total_max = 0;      // read and written in the run; 0: no limit
  std::string mode = "workspace";
  std::vector<std::string> allow_read;
  std::vector<std::string> allow_host;
  uint64_t seed = 0;
  tools::EditRanking edit_ranking = tools::EditRanking::model;
  bool use_memory = true;
  int64_t memory_budget_tokens = 800;
  std::string instructions;  // of AGENTS.md files, as they were when the run began
};

// What a resume needs of them.
Json options_to_json(const RunOptions& options);
RunOptions options_from_json(const Json& json);

tools::EditRanking parse_ranking(const std::string& name);  // random, tables, model
std::string ranking_name(tools::EditRanking ranking);

}  // namespace corvid::runtime
