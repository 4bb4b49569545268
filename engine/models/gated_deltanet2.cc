// Gated DeltaNet-2 (arXiv 2605.22791), alone or with attention blocks.

#include "engine/layers/delta_rule.h"
#include "engine/models/shared/linear_hybrid.h"
#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

Activation output_gate(const ModelReader& reader) {
  const std::string key = reader.key("gdn2.output_gate");
  const std::string name = reader.file().string(key).value_or("");
  if (name == "silu") return Activation::silu;
  if (name == "sigmoid") return Activation::sigmoid;
  fail(Code::unsupported,
       reader.file().path() + ": " + key + " '" + printable(name) + "' (known: silu, sigmoid)");
}

DeltaRuleConfig delta_config(const ModelReader& reader, const ResidualStack& stack) {
  DeltaRuleConfig config;
  config.dim = stack.dim();
  config.head_count = reader.count("ssm.group_count");
  config.value_head_count = reader.count("ssm.time_step_rank");
  config.key_dim = reader.count("ssm.state_size");
  const int64_t inner = reader.count("ssm.inner_size");
  reader.require(inner % config.value_head_count == 0,
                 reader.key("ssm.inner_size") + " is no multiple of the value heads");
  config.value_dim = inner / config.value_head_count;
  config.norm_eps = stack.norm_eps();
  const GgufFile& file = reader.file();
  config.allow_neg_eigval = file.boolean(reader.key("gdn2.allow_neg_eigval")).value_or(false);
  if (file.has(reader.key("gdn2.decay_lower_bound"))) {
    config.decay_lower_bound = static_cast<float>(reader.real("gdn2.decay_lower_bound"));
    reader.require(*config.decay_lower_bound <= 0,
                   reader.key("gdn2.decay_lower_bound") + " is positive");
  }
  config.output_gate = output_gate(reader);
  return config;
}

}  // namespace

std::unique_ptr<Model> make_gated_deltanet2(const ModelReader& reader, Ops& ops) {
  return make_linear_hybrid(
      reader, ops, [&reader, &ops](const ResidualStack& stack) -> MakeMixer {
        return [&reader, &ops, config = delta_config(reader, stack)](const std::string& block,
                                                                     MemorySpec& memory) {
          return make_delta_rule(reader, block, config, memory, ops);
        };
      });
}

}  // namespace corvid::engine
