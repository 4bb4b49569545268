#include "runtime/model_settings.h"

#include "runtime/base/toml.h"
#include "runtime/provider.h"

namespace corvid::runtime {

RunOptions with_model_settings(RunOptions options, const Paths& paths) {
  if (!std::filesystem::exists(paths.settings())) return options;
  const std::string file = paths.settings().string();
  const toml::table config = read_toml(paths.settings());
  const toml::node* node = config.get("model");
  if (node == nullptr) return options;
  if (!node->is_table()) refuse_toml(file, node->source(), "write [model]");
  for (const auto& [key, value] : *node->as_table()) {
    const int64_t number = value.value_exact<int64_t>().value_or(-1);
    if (key.str() != "reasoning_budget" || number < 0 || number > kReasoningTokensMax) {
      refuse_toml(file, value.source(), "known in [model]: reasoning_budget = 0 to " +
                                            std::to_string(kReasoningTokensMax));
    }
    if (options.reasoning_tokens_max < 0) options.reasoning_tokens_max = number;
  }
  return options;
}

}  // namespace corvid::runtime
