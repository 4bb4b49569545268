#pragma once

#include <memory>
#include <string>
#include <utility>

#include "policies/policy.h"

namespace corvid::policies {

// Every rule of rules.inc, made from `config`.
std::vector<std::unique_ptr<Policy>> make_rules(const PolicyConfig& config);

// What any command gets under `config`, before rules narrow it.
sandbox::Profile widest_profile(const PolicyConfig& config);

// The rule of network.cc, for rules that ask about a host under a config of their own.
std::unique_ptr<Policy> make_network(const PolicyConfig& config);

inline Decision deny(std::string reason) { return {Verdict::deny, std::move(reason), {}}; }

}  // namespace corvid::policies
