#include "tools/edits/ngrams.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::tools::edits {

namespace {

constexpr uint64_t kBucketEntries = 8;
constexpr size_t kStringBytesMax = 24;
constexpr float kProbabilityStep = 20.0f / 255;  // codes 0..255 are log-probabilities 0..-20
constexpr float kBackoffLow = -8;                // codes are log-weights from -8 to 2
constexpr float kBackoffStep = 10.0f / 255;
constexpr float kUnknown = -16;

uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdull;
  x ^= x >> 33;
  x *= 0xc4ceb9fe1a85ec53ull;
  return x ^ (x >> 33);
}

uint64_t bucket_of(uint64_t mixed, uint64_t buckets) { return (mixed >> 16) % buckets; }

uint8_t code(float value, float low, float step) {
  return static_cast<uint8_t>(std::lround(std::clamp((value - low) / step, 0.0f, 255.0f)));
}

template <typename T>
void append(std::string& out, const T* data, size_t count) {
  if (count > 0) out.append(reinterpret_cast<const char*>(data), count * sizeof(T));
}

template <typename T>
std::vector<T> take(std::string_view& bytes, size_t count, const std::string& what) {
  if (count > bytes.size() / sizeof(T)) fail(Code::corrupt, what + ": n-grams are cut off");
  std::vector<T> out(count);
  if (count > 0) std::memcpy(out.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return out;
}

}  // namespace

std::string model_text(TokenKind kind, std::string_view text) {
  if (kind == TokenKind::newline) return std::string(kLineEnd);
  if (kind == TokenKind::indent) return "<indent>";
  if (kind == TokenKind::dedent) return "<dedent>";
  if (kind != TokenKind::string) return std::string(text);
  const size_t quote = text.find_first_of("\"'");
  if (quote == std::string_view::npos) return std::string(text);  // <stdio.h>
  std::string out = "\"";
  for (const char c : text.substr(0, quote)) {
    if ((c | 32) == 'f' || (c | 32) == 'b') out.insert(0, 1, static_cast<char>(c | 32));
  }
  const std::string_view body = text.substr(quote);
  if (body.size() > kStringBytesMax || body.size() < 2) return out + "...";
  return out + std::string(body.substr(1, body.size() - 2));
}

uint64_t model_hash(std::string_view text) { return fnv1a(text); }

uint64_t class_hash(TokenKind kind) {
  static const std::array<uint64_t, 4> kHashes = {fnv1a("<name>"), fnv1a("<number>"),
                                                  fnv1a("<string>"), fnv1a("<op>")};
  return kHashes[std::min<size_t>(3, static_cast<size_t>(kind))];
}

uint64_t begin_hash() {
  static const uint64_t kHash = fnv1a("<begin>");
  return kHash;
}

std::string pack_ngrams(std::vector<NgramEntry> entries, bool has_backoff) {
  const uint64_t buckets = std::max<uint64_t>(1, entries.size() / kBucketEntries);
  const auto bucket = [&](const NgramEntry& e) { return bucket_of(mix(e.hash), buckets); };
  const auto print = [](const NgramEntry& e) { return static_cast<uint16_t>(mix(e.hash)); };
  std::sort(entries.begin(), entries.end(), [&](const NgramEntry& a, const NgramEntry& b) {
    const auto key = [&](const NgramEntry& e) { return std::pair(bucket(e), print(e)); };
    return key(a) != key(b) ? key(a) < key(b) : a.log_probability > b.log_probability;
  });
  std::vector<uint8_t> sizes(buckets), probabilities, backoffs;
  std::vector<uint16_t> prints;
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool repeats = i > 0 && bucket(entries[i]) == bucket(entries[i - 1]) &&
                         print(entries[i]) == print(entries[i - 1]);
    uint8_t& size = sizes[bucket(entries[i])];
    if (repeats || size == 255) continue;
    ++size;
    prints.push_back(print(entries[i]));
    probabilities.push_back(code(-entries[i].log_probability, 0, kProbabilityStep));
    if (has_backoff) backoffs.push_back(code(entries[i].log_backoff, kBackoffLow, kBackoffStep));
  }
  const uint64_t header[3] = {prints.size(), buckets, has_backoff ? uint64_t{1} : uint64_t{0}};
  std::string out;
  append(out, header, 3);
  append(out, sizes.data(), sizes.size());
  append(out, prints.data(), prints.size());
  append(out, probabilities.data(), probabilities.size());
  append(out, backoffs.data(), backoffs.size());
  return out;
}

NgramTable::NgramTable(std::string_view bytes, const std::string& what) {
  for (Order& order : orders_) {
    const std::vector<uint64_t> header = take<uint64_t>(bytes, 3, what);
    if (header[1] == 0 || header[2] > 1) fail(Code::corrupt, what + ": header of the n-grams");
    order.entries = header[0];
    order.buckets = header[1];
    const std::vector<uint8_t> sizes = take<uint8_t>(bytes, order.buckets, what);
    order.begins.reserve(sizes.size() + 1);
    uint32_t begin = 0;
    for (const uint8_t size : sizes) {
      order.begins.push_back(begin);
      begin += size;
    }
    order.begins.push_back(begin);
    if (begin != order.entries) fail(Code::corrupt, what + ": buckets of the n-grams");
    order.fingerprints = take<uint16_t>(bytes, order.entries, what);
    order.probabilities = take<uint8_t>(bytes, order.entries, what);
    if (header[2] == 1) order.backoffs = take<uint8_t>(bytes, order.entries, what);
  }
  if (!bytes.empty()) fail(Code::corrupt, what + ": bytes after the n-grams");
}

int64_t NgramTable::find(int n, uint64_t hash) const {
  const Order& order = orders_[static_cast<size_t>(n - 1)];
  if (order.entries == 0) return -1;
  const uint64_t mixed = mix(hash);
  const uint64_t bucket = bucket_of(mixed, order.buckets);
  const uint16_t print = static_cast<uint16_t>(mixed);
  for (uint32_t i = order.begins[bucket]; i < order.begins[bucket + 1]; ++i) {
    if (order.fingerprints[i] == print) return i;
  }
  return -1;
}

float NgramTable::log_probability(uint64_t token, const uint64_t* context, int count) const {
  count = std::min(count, kOrder - 1);
  std::array<uint64_t, kOrder> grams{}, histories{};
  grams[0] = extend_hash(0, token);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    histories[at] = extend_hash(i == 0 ? 0 : histories[at - 1], context[i]);
    grams[at + 1] = extend_hash(grams[at], context[i]);
  }
  float backoff = 0;
  for (int n = count + 1; n >= 1; --n) {
    const int64_t found = find(n, grams[static_cast<size_t>(n - 1)]);
    if (found >= 0) {
      const Order& order = orders_[static_cast<size_t>(n - 1)];
      return backoff - kProbabilityStep * order.probabilities[static_cast<size_t>(found)];
    }
    if (n == 1) break;
    const Order& lower = orders_[static_cast<size_t>(n - 2)];
    const int64_t history = find(n - 1, histories[static_cast<size_t>(n - 2)]);
    if (history >= 0 && !lower.backoffs.empty()) {
      backoff += kBackoffLow + kBackoffStep * lower.backoffs[static_cast<size_t>(history)];
    }
  }
  return backoff + kUnknown;
}

}  // namespace corvid::tools::edits
