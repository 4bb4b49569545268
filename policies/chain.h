#pragma once

#include <memory>
#include <vector>

#include "policies/policy.h"

namespace corvid::policies {

// All rules must agree: the strictest verdict with its reason (of several equally strict the
// first), and the intersection of the profiles of those that do not deny. No rules: deny.
class Chain final : public Policy {
 public:
  explicit Chain(std::vector<std::unique_ptr<Policy>> rules);
  Decision decide(const Action& action) const override;

 private:
  std::vector<std::unique_ptr<Policy>> rules_;
};

}  // namespace corvid::policies
