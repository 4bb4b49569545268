#pragma once

#include <optional>
#include <string>
#include <vector>

#include "runtime/base/json_fwd.h"
#include "runtime/event.h"
#include "runtime/message.h"
#include "runtime/provider.h"

namespace corvid::runtime {

// How a run ended; `status` and exit codes as in design.md §5.
struct RunResult {
  std::string status = "error";
  int exit_code = 6;
  std::string session;
  std::string session_log;
  int turns = 0;
  TokenCounts tokens;             // of the conversation and its attempts
  ContextUse context;             // at the end
  TokenCounts ranking_tokens;     // of sequences in which the model ranked edits
  std::optional<CheckRan> check;  // the last one of the final state
  std::vector<std::string> changed_files;
  std::vector<std::string> changed_tests;  // why it is unverified
  std::vector<std::string> cleared;        // what LeftBehind removed, one sentence each
  std::string diff;
  int attempts_tried = 0;
  std::optional<int> attempts_winner;
  int checks_run = 0;
  DecodeCounts decode;
  std::string message;  // for people: what happened, what to do next
};

// Sets json[key]; where a path is not UTF-8, which JSON cannot hold, also json[key + "_encoded"]:
// all of them in the same order with other bytes than visible ASCII as "%E9".
void set_paths(Json& json, const std::string& key, const std::vector<std::string>& paths);

Json result_to_json(const RunResult& result);

// Exit code of a status; `check_ran` tells "unverified" with changed test files from the plain one.
int exit_code_of(const std::string& status, bool check_ran);

}  // namespace corvid::runtime
