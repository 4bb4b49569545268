#pragma once

#include <string>

#include "engine/layers/batch.h"
#include "engine/layers/mlp.h"
#include "engine/layers/model_reader.h"

namespace corvid::engine {

// How a token's experts are found and weighed; ids as files have them.
enum class Gating { softmax = 1, sigmoid = 2, softmax_of_chosen = 3, sqrt_softplus = 4 };

struct MoeConfig {
  int64_t dim = 0, expert_count = 0, used_count = 0, hidden_dim = 0;
  int64_t latent_dim = 0;  // above 0: the experts work in this width
  int64_t shared_dim = 0;  // hidden width of the shared expert; 0: none
  Gating gating = Gating::softmax;
  bool normalize = true;     // the weights of the chosen ones add up to 1,
  double weights_scale = 1;  // times this
  int64_t group_count = 1, groups_used = 1;  // only the best groups of experts take part
  bool swiglu = true;                        // else squared ReLU
  float clamp = 0, shared_clamp = 0;         // see FeedForward
};

// What `{a}.expert_*` say, over the given defaults. Throws corrupt for impossible values,
// unsupported for another gating function.
MoeConfig read_moe_config(const ModelReader& reader, MoeConfig defaults);

// ffn_gate_inp, exp_probs_b (for the choice alone), ffn_*_exps or ffn_gate_up_exps,
// ffn_latent_down and _up around the routed experts, ffn_*_shexp and its gate ffn_gate_inp_shexp.
Layer make_moe(const ModelReader& reader, const std::string& block, const MoeConfig& config,
               Ops& ops);

}  // namespace corvid::engine
