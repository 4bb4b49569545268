#pragma once
// What a loop asks of the model for its next reply.

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/provider.h"
#include "runtime/run_options.h"
#include "tools/tool.h"
#include "tools/toolbox.h"

namespace corvid::runtime {

struct LoopOptions {
  int attempt = -1;
  int turns_max = 60;  // in all, with those of an earlier part of the run
  int checks_max = 4;
  std::chrono::milliseconds check_time_max = std::chrono::milliseconds::max();
  int tokens_max = 4096;
  int64_t tool_output_bytes = 16 << 10;
  float temperature = -1;
  uint64_t seed = 0;
  bool stop_before_write = false;
  // The candidate an attempt takes first, and the number of candidates that other attempts take.
  std::string first_choice;
  size_t reserved_choices = 0;
};

// Of a run's loop; `window` is the model's, 0 where it is not known.
LoopOptions make_loop_options(const RunOptions& options, const ModelProfile& profile,
                              int64_t window, int turns_done);

// What one conversation was shown; it decides what a model with reads_max is offered.
struct Seen {
  bool edit_is_unchecked = false;  // it changed something since the last check
  bool has_suggestions = false;    // were asked for, whether there are any
  bool check_is_known = false;     // the check ran since the last change; its output was shown
};

// What stays the same over a loop's replies.
struct OfferBasis {
  const ModelProfile& profile;
  const tools::Toolbox& toolbox;
  const tools::Workspace& workspace;
  const std::string& check_command;
  bool has_checker = false;
};

// The request for a reply at this point. Throws invalid for a profile that offers from an unknown
// source.
Request make_request(const OfferBasis& basis, const LoopOptions& options,
                     const tools::ToolState& state, const Seen& seen);

}  // namespace corvid::runtime
