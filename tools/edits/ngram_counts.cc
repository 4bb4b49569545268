#include "tools/edits/ngram_counts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

namespace corvid::tools::edits {

namespace {

constexpr double kEntryBytes = 4.13;      // fingerprint, probability, backoff, share of its bucket
constexpr double kLastEntryBytes = 3.13;  // no backoff

struct Discounts {
  float one = 0.5f, two = 1, more = 1.5f;
  float of(float count) const {
    return count <= 0 ? 0 : count < 1.5f ? one : count < 2.5f ? two : more;
  }
};

}  // namespace

NgramCounts::Node* NgramCounts::Order::find(uint64_t hash) {
  const auto found = index.find(hash);
  return found == index.end() ? nullptr : &nodes[found->second];
}

NgramCounts::Node& NgramCounts::Order::at(uint64_t hash) {
  const auto [it, is_new] = index.emplace(hash, static_cast<uint32_t>(nodes.size()));
  if (is_new) {
    nodes.emplace_back();
    nodes.back().hash = hash;
  }
  return nodes[it->second];
}

NgramCounts::NgramCounts(const Language& language, int documents_min)
    : language_(language), documents_min_(documents_min), orders_(kOrder) {}

void NgramCounts::add(std::string_view code) {
  const Lexed lexed = language_.lex(code, 0);
  std::vector<uint32_t> ids;
  for (const Token& token : lexed.tokens) {
    std::string text = model_text(token.kind, code.substr(token.begin, token.end - token.begin));
    const uint64_t hash = model_hash(text);
    const auto [it, is_new] =
        words_.emplace(std::move(text), static_cast<uint32_t>(word_list_.size()));
    if (is_new) word_list_.push_back({hash, class_hash(token.kind), 0});
    ids.push_back(it->second);
  }
  for (const uint32_t id : std::set<uint32_t>(ids.begin(), ids.end())) ++word_list_[id].documents;
  documents_.push_back(std::move(ids));
}

void NgramCounts::count_sequence(const std::vector<uint64_t>& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::array<uint64_t, kOrder> grams{}, histories{};
    grams[0] = extend_hash(0, tokens[i]);
    orders_[0].at(grams[0]).raw += 1;
    for (size_t n = 2; n <= kOrder; ++n) {
      if (n - 1 > i + 1) break;
      const bool starts = n - 1 == i + 1;
      const uint64_t before = starts ? begin_hash() : tokens[i - (n - 1)];
      histories[n - 2] = extend_hash(n == 2 ? 0 : histories[n - 3], before);
      grams[n - 1] = extend_hash(grams[n - 2], before);
      Node& node = orders_[n - 1].at(grams[n - 1]);
      node.context = histories[n - 2];
      node.suffix = grams[n - 2];
      node.starts = starts;
      node.raw += 1;
      if (node.raw < 1.5f) orders_[n - 2].at(grams[n - 2]).count += 1;
    }
  }
}

// Probabilities of order n from those of order n - 1.
void NgramCounts::estimate(int n) {
  Order& order = orders_[static_cast<size_t>(n - 1)];
  std::array<double, 5> count_of_counts{};
  for (Node& node : order.nodes) {
    if (n == kOrder || node.starts) node.count = node.raw;
    if (node.count >= 1 && node.count < 4.5f)
      ++count_of_counts[static_cast<size_t>(node.count + 0.5f)];
  }
  Discounts d;
  if (count_of_counts[1] > 0 && count_of_counts[2] > 0 && count_of_counts[3] > 0 &&
      count_of_counts[4] > 0) {
    const auto& c = count_of_counts;
    const double y = c[1] / (c[1] + 2 * c[2]);
    d.one = static_cast<float>(std::clamp(1 - 2 * y * c[2] / c[1], 0.05, 0.95));
    d.two = static_cast<float>(std::clamp(2 - 3 * y * c[3] / c[2], 0.1, 1.9));
    d.more = static_cast<float>(std::clamp(3 - 4 * y * c[4] / c[3], 0.2, 2.8));
  }
  Node root;
  Order* lower = n > 1 ? &orders_[static_cast<size_t>(n - 2)] : nullptr;
  const auto context_of = [&](const Node& node) {
    return lower == nullptr ? &root : lower->find(node.context);
  };
  for (const Node& node : order.nodes) {
    Node& context = *context_of(node);
    context.total += node.count;
    context.n1 += node.count > 0 && node.count < 1.5f;
    context.n2 += node.count >= 1.5f && node.count < 2.5f;
    context.n3 += node.count >= 2.5f;
  }
  for (Node& node : order.nodes) {
    Node& context = *context_of(node);
    const float total = std::max(1.0f, context.total);
    const float gamma = (d.one * context.n1 + d.two * context.n2 + d.more * context.n3) / total;
    context.backoff = std::max(gamma, 1e-4f);
    const float below = lower == nullptr ? 1.0f / static_cast<float>(order.nodes.size())
                                         : lower->find(node.suffix)->probability;
    node.probability = std::max(0.0f, node.count - d.of(node.count)) / total + gamma * below;
    node.gain =
        node.raw * std::log(std::max(node.probability, 1e-12f) / std::max(gamma * below, 1e-12f));
  }
}

// Keeps the n-grams whose loss would cost most, with the contexts that they need.
void NgramCounts::keep_within(size_t bytes_max) {
  struct Ranked {
    float gain;
    int n;
    uint32_t index;
  };
  std::vector<Ranked> ranked;
  double bytes = 0;
  for (Node& node : orders_[0].nodes) {
    node.kept = true;
    bytes += kEntryBytes;
  }
  for (int n = 2; n <= kOrder; ++n) {
    const auto& nodes = orders_[static_cast<size_t>(n - 1)].nodes;
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].gain > 0) ranked.push_back({nodes[i].gain, n, i});
    }
  }
  std::sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
    if (a.gain != b.gain) return a.gain > b.gain;
    return a.n != b.n ? a.n < b.n : a.index < b.index;
  });
  for (const Ranked& r : ranked) {
    Node* node = &orders_[static_cast<size_t>(r.n - 1)].nodes[r.index];
    for (int n = r.n; n >= 1 && node != nullptr && !node->kept; --n) {
      node->kept = true;
      bytes += n == kOrder ? kLastEntryBytes : kEntryBytes;
      node = n > 1 ? orders_[static_cast<size_t>(n - 2)].find(node->context) : nullptr;
    }
    if (bytes + 300 > static_cast<double>(bytes_max)) break;
  }
}

float NgramCounts::evaluate(int n, uint64_t hash, uint64_t context, uint64_t suffix) {
  (void)context;
  float weight = 1;
  Node* node = orders_[static_cast<size_t>(n - 1)].find(hash);
  while (n > 1 && (node == nullptr || !node->kept)) {
    // Every n-gram asked for was counted, so its node, context and suffix exist.
    Node* history =
        orders_[static_cast<size_t>(n - 2)].find(node == nullptr ? context : node->context);
    if (history != nullptr && history->kept) weight *= history->backoff;
    const uint64_t next = node == nullptr ? suffix : node->suffix;
    --n;
    node = orders_[static_cast<size_t>(n - 1)].find(next);
  }
  return node == nullptr ? 1e-7f : weight * node->probability;
}

// Backoff weights of the contexts of length n - 1, after pruning.
void NgramCounts::weigh_backoffs(int n) {
  struct Sums {
    double above = 0, below = 0;
  };
  std::unordered_map<uint64_t, Sums> sums;
  for (const Node& node : orders_[static_cast<size_t>(n - 1)].nodes) {
    if (!node.kept) continue;
    const Node* suffix = orders_[static_cast<size_t>(n - 2)].find(node.suffix);
    Sums& s = sums[node.context];
    s.above += node.probability;
    s.below += evaluate(n - 1, node.suffix, suffix->context, suffix->suffix);
  }
  for (Node& node : orders_[static_cast<size_t>(n - 2)].nodes) {
    const auto found = sums.find(node.hash);
    node.backoff = 1;
    if (found == sums.end()) continue;
    const double above = std::clamp(1 - found->second.above, 1e-4, 1.0);
    const double below = std::clamp(1 - found->second.below, 1e-4, 1.0);
    node.backoff = static_cast<float>(above / below);
  }
}

std::string NgramCounts::pack(size_t bytes_max) {
  std::vector<uint64_t> tokens;
  orders_[0].at(extend_hash(0, begin_hash()));  // a context that nothing predicts
  for (const std::vector<uint32_t>& document : documents_) {
    tokens.clear();
    for (const uint32_t id : document) {
      const Word& word = word_list_[id];
      tokens.push_back(word.documents >= documents_min_ ? word.hash : word.class_hash);
    }
    count_sequence(tokens);
  }
  for (int n = 1; n <= kOrder; ++n) estimate(n);
  keep_within(bytes_max);
  for (int n = 2; n <= kOrder; ++n) weigh_backoffs(n);
  std::string out;
  for (int n = 1; n <= kOrder; ++n) {
    std::vector<NgramEntry> entries;
    for (const Node& node : orders_[static_cast<size_t>(n - 1)].nodes) {
      if (node.kept)
        entries.push_back(
            {node.hash, std::log(std::max(node.probability, 1e-9f)), std::log(node.backoff)});
    }
    out += pack_ngrams(std::move(entries), n < kOrder);
  }
  orders_.assign(kOrder, {});
  documents_.clear();
  words_.clear();
  word_list_.clear();
  return out;
}

}  // namespace corvid::tools::edits
