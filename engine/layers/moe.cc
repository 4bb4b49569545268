#include "engine/layers/moe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

using Floats = std::vector<float>;

constexpr double kSumMin = 0x1p-14;  // below it the sum of weights is no divisor

struct Chosen {
  int64_t expert = 0;
  float weight = 0;
};

// Finds the experts of one row of router logits. Const and without state.
class Router {
 public:
  Router(const MoeConfig& config, Floats bias) : config_(config), bias_(std::move(bias)) {}

  std::vector<Chosen> choose(std::span<const float> logits) const {
    std::vector<double> probs = probabilities(logits), scores = probs;
    for (size_t i = 0; i < bias_.size(); ++i) scores[i] += bias_[i];
    for (double& score : scores) {  // what is no number has no order
      if (std::isnan(score)) score = -std::numeric_limits<double>::infinity();
    }
    if (config_.group_count > 1) drop_groups(scores);
    std::vector<int64_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + config_.used_count, order.end(),
                      [&scores](int64_t a, int64_t b) {
                        const double x = scores[static_cast<size_t>(a)];
                        const double y = scores[static_cast<size_t>(b)];
                        return x != y ? x > y : a < b;
                      });
    order.resize(static_cast<size_t>(config_.used_count));
    if (config_.gating == Gating::softmax_of_chosen) soften(probs, order);
    double sum = 0;
    for (const int64_t expert : order) sum += probs[static_cast<size_t>(expert)];
    const double divisor = config_.normalize ? std::max(sum, kSumMin) : 1;
    std::vector<Chosen> chosen;
    for (const int64_t expert : order) {
      const double weight =
          probs[static_cast<size_t>(expert)] / divisor * config_.weights_scale;
      chosen.push_back({expert, static_cast<float>(weight)});
    }
    return chosen;
  }

 private:
  std::vector<double> probabilities(std::span<const float> logits) const {
    std::vector<double> result(logits.begin(), logits.end());
    switch (config_.gating) {
      case Gating::softmax: {
        std::vector<int64_t> all(result.size());
        std::iota(all.begin(), all.end(), 0);
        soften(result, all);
        break;
      }
      case Gating::sigmoid:
        for (double& value : result) value = 1 / (1 + std::exp(-value));
        break;
      case Gating::softmax_of_chosen: break;
      case Gating::sqrt_softplus:
        for (double& value : result) {
          value = std::sqrt(value > 20 ? value : std::log1p(std::exp(value)));
        }
        break;
    }
    return result;
  }

  // Softmax over the entries of `among`.
  static void soften(std::vector<double>& values, std::span<const int64_t> among) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (const int64_t i : among) largest = std::max(largest, values[static_cast<size_t>(i)]);
    for (const int64_t i : among) {
      double& value = values[static_cast<size_t>(i)];
      sum += value = std::exp(value - largest);
    }
    for (const int64_t i : among) values[static_cast<size_t>(i)] /= sum;
  }

  // Only the groups whose two best scores add up to most stay in the choice.
  void drop_groups(std::vector<double>& scores) const {
    const auto size = static_cast<std::ptrdiff_t>(config_.expert_count / config_.group_count);
    std::vector<std::pair<double, int64_t>> groups;
    for (int64_t g = 0; g < config_.group_count; ++g) {
      std::vector<double> part(scores.begin() + g * size, scores.begin() + (g + 1) * size);
      std::sort(part.rbegin(), part.rend());
      groups.emplace_back(-(part[0] + (size > 1 ? part[1] : 0)), g);
    }
    std::sort(groups.begin(), groups.end());
    for (auto i = static_cast<size_t>(config_.groups_used); i < groups.size(); ++i) {
      std::fill_n(scores.begin() + groups[i].second * size, size,
                  -std::numeric_limits<double>::infinity());
    }
  }

  MoeConfig config_;
  Floats bias_;  // (expert_count) or empty
};

struct Moe {
  MoeConfig config;
  Ops& ops;
  Router router;
  Linear gate;
  std::vector<FeedForward> experts;
  std::optional<Linear> latent_down, latent_up, shared_gate;
  std::optional<FeedForward> shared;

  // The rows of each expert, one expert behind the other, and where each row finds its own.
  struct Plan {
    std::vector<std::vector<int32_t>> rows;  // of each expert
    std::vector<int32_t> slots;              // (rows, used_count) places of a row's experts
    Floats weights;                          // (rows, used_count)
  };

  void operator()(const Batch& batch, const float* x, float* y) const {
    const int64_t rows = batch.rows();
    const int64_t width = config.latent_dim > 0 ? config.latent_dim : config.dim;
    Floats latent, logits(static_cast<size_t>(rows * config.expert_count));
    std::vector<Projection> first = {{&gate, logits.data()}};
    if (latent_down) {
      latent.resize(static_cast<size_t>(rows * width));
      first.push_back({&*latent_down, latent.data()});
    }
    Floats shared_gates(static_cast<size_t>(shared_gate ? rows : 0));
    if (shared_gate) first.push_back({&*shared_gate, shared_gates.data()});
    project(ops, x, rows, first);

    const Plan work = plan(logits, rows);
    Floats out(static_cast<size_t>(rows * config.used_count * width));
    Floats of_shared(static_cast<size_t>(shared ? rows * config.dim : 0));
    std::vector<FeedForwardItem> items;
    float* to = out.data();
    for (size_t e = 0; e < experts.size(); ++e) {
      const auto count = static_cast<int64_t>(work.rows[e].size());
      if (count == 0) continue;
      items.push_back({&experts[e], latent_down ? latent.data() : x, count, to, work.rows[e]});
      to += count * width;
    }
    if (shared) items.push_back({&*shared, x, rows, of_shared.data(), {}});
    feed_forward(ops, items);

    ops.mix({.x = out.data(), .ids = work.slots.data(), .weights = work.weights.data(),
             .y = latent_up ? latent.data() : y, .rows = rows, .count = config.used_count,
             .width = width});
    if (latent_up) latent_up->run(ops, latent.data(), rows, y);
    if (shared) add_shared(shared_gates, of_shared, rows, y);
  }

  // A row's experts are in ascending order, so that its sum does not depend on the other rows.
  Plan plan(const Floats& logits, int64_t rows) const {
    const auto used = static_cast<size_t>(config.used_count);
    const auto count = static_cast<size_t>(config.expert_count);
    std::vector<std::vector<Chosen>> chosen;
    Plan result{std::vector<std::vector<int32_t>>(count), {}, {}};
    for (int64_t row = 0; row < rows; ++row) {
      chosen.push_back(
          router.choose(std::span(logits).subspan(static_cast<size_t>(row) * count, count)));
      std::sort(chosen.back().begin(), chosen.back().end(),
                [](const Chosen& a, const Chosen& b) { return a.expert < b.expert; });
      for (const Chosen& one : chosen.back()) {
        result.rows[static_cast<size_t>(one.expert)].push_back(static_cast<int32_t>(row));
      }
    }
    std::vector<int32_t> next(count);  // the place of an expert's next row
    for (size_t e = 1; e < count; ++e) {
      next[e] = next[e - 1] + static_cast<int32_t>(result.rows[e - 1].size());
    }
    result.slots.reserve(used * chosen.size());
    for (const std::vector<Chosen>& of_row : chosen) {
      for (const Chosen& one : of_row) {
        result.slots.push_back(next[static_cast<size_t>(one.expert)]++);
        result.weights.push_back(one.weight);
      }
    }
    return result;
  }

  void add_shared(Floats& gates, Floats& out, int64_t rows, float* y) const {
    if (shared_gate) {
      ops.activate(Activation::sigmoid, gates.data(), rows);
      for (size_t i = 0; i < out.size(); ++i) out[i] *= gates[i / static_cast<size_t>(config.dim)];
    }
    ops.add(out.data(), y, rows * config.dim);
  }
};

std::vector<FeedForward> read_experts(const ModelReader& reader, const std::string& block,
                                      const MoeConfig& config) {
  const int64_t width = config.latent_dim > 0 ? config.latent_dim : config.dim;
  const int64_t count = config.expert_count, hidden = config.hidden_dim;
  std::vector<FeedForward> experts(static_cast<size_t>(count));
  std::vector<Linear> up, gate;
  if (reader.has(block + "ffn_gate_up_exps.weight")) {
    up = reader.linears(block + "ffn_gate_up_exps", width, 2 * hidden, count);
  } else {
    up = reader.linears(block + "ffn_up_exps", width, hidden, count);
    if (config.swiglu) gate = reader.linears(block + "ffn_gate_exps", width, hidden, count);
  }
  const std::vector<Linear> down = reader.linears(block + "ffn_down_exps", hidden, width, count);
  for (size_t e = 0; e < experts.size(); ++e) {
    experts[e].up = up[e];
    experts[e].down = down[e];
    experts[e].clamp = config.clamp;
    if (!gate.empty()) experts[e].gate = gate[e];
    if (up[e].weight.out != hidden) {  // gate and up in one matrix
      experts[e].gate = slice(up[e], 0, hidden);
      experts[e].up = slice(up[e], hidden, hidden);
    }
  }
  return experts;
}

// The first of two names that the file has: some converters say ffn_latent_in and _out.
std::string either(const ModelReader& reader, const std::string& name, const std::string& other) {
  return reader.has(name + ".weight") || !reader.has(other + ".weight") ? name : other;
}

}  // namespace

MoeConfig read_moe_config(const ModelReader& reader, MoeConfig config) {
  config.expert_count = reader.count("expert_count");
  config.used_count = reader.count("expert_used_count");
  config.hidden_dim = reader.count_or("expert_feed_forward_length", config.hidden_dim);
  config.shared_dim = reader.count_or("expert_shared_feed_forward_length", config.shared_dim);
  config.latent_dim = reader.count_or("moe_latent_size", config.latent_dim);
  const int64_t gating =
      reader.count_or("expert_gating_func", static_cast<int64_t>(config.gating));
  if (gating < 1 || gating > 4) {
    fail(Code::unsupported, reader.file().path() + ": " + reader.key("expert_gating_func") + " " +
                                std::to_string(gating) + " (known: 1 to 4)");
  }
  config.gating = static_cast<Gating>(gating);
  config.normalize =
      reader.file().boolean(reader.key("expert_weights_norm")).value_or(config.normalize);
  const double scale = reader.real_or("expert_weights_scale", config.weights_scale);
  if (scale != 0) config.weights_scale = scale;
  config.group_count = std::max<int64_t>(1, reader.count_or("expert_group_count", 1));
  config.groups_used = std::max<int64_t>(1, reader.count_or("expert_group_used_count", 1));
  reader.require(config.used_count <= config.expert_count, "impossible " +
                                                               reader.key("expert_used_count"));
  reader.require(config.expert_count % config.group_count == 0 &&
                     config.groups_used <= config.group_count &&
                     config.expert_count / config.group_count * config.groups_used >=
                         config.used_count,
                 "impossible " + reader.key("expert_group_count"));
  return config;
}

Layer make_moe(const ModelReader& reader, const std::string& block, const MoeConfig& given,
               Ops& ops) {
  MoeConfig config = given;
  const std::string down = either(reader, block + "ffn_latent_down", block + "ffn_latent_in");
  const std::string up = either(reader, block + "ffn_latent_up", block + "ffn_latent_out");
  if (reader.has(down + ".weight")) config.latent_dim = reader.dimension(down + ".weight", 1);
  Floats bias;
  if (reader.has(block + "exp_probs_b.bias")) {
    bias = reader.values(block + "exp_probs_b.bias", {config.expert_count});
  }
  auto layer = std::make_shared<Moe>(
      Moe{config, ops, Router(config, std::move(bias)),
          reader.linear(block + "ffn_gate_inp", config.dim, config.expert_count),
          read_experts(reader, block, config), {}, {}, {}, {}});
  if (config.latent_dim > 0) {
    layer->latent_down = reader.linear(down, config.dim, config.latent_dim);
    layer->latent_up = reader.linear(up, config.latent_dim, config.dim);
  }
  const std::string shared = block + "ffn_up_shexp.weight";
  if (config.shared_dim == 0 && reader.has(shared)) config.shared_dim = reader.dimension(shared, 1);
  if (config.shared_dim > 0) {
    layer->shared = config.swiglu
                        ? read_swiglu(reader, block, config.dim, config.shared_dim, "_shexp")
                        : read_relu_squared(reader, block, config.dim, config.shared_dim, "_shexp");
    layer->shared->clamp = config.shared_clamp;
    if (reader.has(block + "ffn_gate_inp_shexp.weight")) {
      layer->shared_gate = reader.linear(block + "ffn_gate_inp_shexp", config.dim, 1);
    }
  }
  return [layer](const Batch& batch, const float* x, float* y) { (*layer)(batch, x, y); };
}

}  // namespace corvid::engine
