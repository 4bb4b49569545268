#include "policies/rules/rule.h"

namespace corvid::policies {

#define X(id, name) std::unique_ptr<Policy> make_##id(const PolicyConfig& config);
#include "policies/rules/rules.inc"
#undef X

std::vector<std::unique_ptr<Policy>> make_rules(const PolicyConfig& config) {
  std::vector<std::unique_ptr<Policy>> rules;
#define X(id, name) rules.push_back(make_##id(config));
#include "policies/rules/rules.inc"
#undef X
  return rules;
}

}  // namespace corvid::policies
