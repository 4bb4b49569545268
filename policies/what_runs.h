#pragma once

#include <string>
#include <vector>

#include "policies/policy_file.h"

namespace corvid::policies {

// The commands that an argument vector runs, as far as words tell: itself, what a program in front
// of it starts ("env A=1 timeout 5 CMD", "xargs CMD", "find -exec CMD"), what a shell's -c holds,
// and "git push" for "git -C dir push". A program that calls others by itself tells nothing here.
struct WhatRuns {
  std::vector<std::vector<std::string>> commands;
  // The words of shell texts that are more than plain words, and of those that a shell gets as its
  // input, with their expansions left as words, taken out, and as blanks: one list for each.
  std::vector<std::vector<std::string>> loose;
};

WhatRuns what_runs(const std::vector<std::string>& argv);
WhatRuns what_runs(const std::string& shell_text);

// Whether a command fits the rule, or, with `is_strict`, its words stand in a row in loose ones.
bool holds(const CommandRule& rule, const WhatRuns& runs, bool is_strict);

}  // namespace corvid::policies
