#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "engine/gguf.h"
#include "engine/schedule/evaluator.h"
#include "engine/tokenizer.h"
#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

enum Pooling : int64_t { kNone, kMean, kFirst, kLast };  // GGUF's ids

constexpr int32_t kTokensMax = 32768;  // where the file allows more
constexpr size_t kBatchTokens = 1024;  // of one pass, unless a single text has more

std::string architecture_of(const GgufFile& file) {
  return file.string("general.architecture").value_or("");
}

bool is_encoder(const GgufFile& file) {
  const std::string architecture = architecture_of(file);
  return architecture == "bert" || architecture == "nomic-bert";
}

// kNone: none is named.
int64_t pooling_of(const GgufFile& file) {
  return file.integer(architecture_of(file) + ".pooling_type")
      .value_or(is_encoder(file) ? kMean : kNone);
}

// One text's hidden states (rows, dim) as a vector of unit length.
void pool(Pooling pooling, std::span<const float> hidden, std::span<float> out) {
  const size_t dim = out.size(), rows = hidden.size() / dim;
  const size_t begin = pooling == kLast ? rows - 1 : 0, end = pooling == kFirst ? 1 : rows;
  std::vector<double> sum(dim);
  for (size_t row = begin; row < end; ++row) {
    for (size_t i = 0; i < dim; ++i) sum[i] += hidden[row * dim + i];
  }
  double squares = 0;
  for (const double value : sum) squares += value * value;
  const double by = squares > 0 ? 1 / std::sqrt(squares) : 0;
  for (size_t i = 0; i < dim; ++i) out[i] = static_cast<float>(sum[i] * by);
}

}  // namespace

struct Embedder::Impl {
  Impl(const std::filesystem::path& path, const EngineOptions& options)
      : evaluator(path, options) {}

  // Texts [begin, end) in one pass.
  void run(std::span<const std::vector<Token>> texts, std::span<float> out);

  Evaluator evaluator;
  std::unique_ptr<Tokenizer> tokenizer;
  Pooling pooling = kMean;
  int32_t tokens_max = 0;
  std::string name;
};

void Embedder::Impl::run(std::span<const std::vector<Token>> texts, std::span<float> out) {
  const auto dim = static_cast<size_t>(evaluator.model().config().dim);
  std::deque<SequenceMemory> memories;
  std::vector<Evaluator::Item> items;
  size_t rows = 0;
  for (const std::vector<Token>& tokens : texts) {
    memories.emplace_back(evaluator.model().memory_spec(), evaluator.kv_type());
    items.push_back({&memories.back(), tokens, nullptr});
    rows += tokens.size();
  }
  std::vector<float> hidden(rows * dim);
  evaluator.run(items, Evaluator::Rows::none, {}, hidden);
  std::span<const float> left = hidden;
  for (const std::vector<Token>& tokens : texts) {
    pool(pooling, left.first(tokens.size() * dim), out.first(dim));
    left = left.subspan(tokens.size() * dim);
    out = out.subspan(dim);
  }
}

Embedder::Embedder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Embedder::~Embedder() = default;

std::unique_ptr<Embedder> Embedder::load(const std::filesystem::path& model,
                                         const EngineOptions& options) {
  auto impl = std::make_unique<Impl>(model, options);
  const GgufFile& file = impl->evaluator.file();
  const int64_t pooling = pooling_of(file);
  if (pooling != kMean && pooling != kFirst && pooling != kLast) {
    fail(Code::unsupported,
         file.path() + " is no embedding model: " + architecture_of(file) + ".pooling_type is " +
             (pooling == kNone ? std::string("absent") : std::to_string(pooling)) +
             "; known: 1 mean, 2 CLS, 3 last");
  }
  impl->pooling = static_cast<Pooling>(pooling);
  impl->tokenizer = Tokenizer::make(file);
  const int32_t context_max = impl->evaluator.model().config().context_max;
  impl->tokens_max = context_max > 0 ? std::min(context_max, kTokensMax) : kTokensMax;
  const int64_t asked = file.integer("corvid.embedder.tokens_max").value_or(impl->tokens_max);
  if (asked < 3) {
    file.damaged("impossible corvid.embedder.tokens_max", "corvid.embedder.tokens_max");
  }
  impl->tokens_max = static_cast<int32_t>(std::min<int64_t>(impl->tokens_max, asked));
  impl->name = architecture_of(file) + "-" + impl->evaluator.hash().substr(0, 16);
  return std::unique_ptr<Embedder>(new Embedder(std::move(impl)));
}

int32_t Embedder::dim() const { return impl_->evaluator.model().config().dim; }
int32_t Embedder::tokens_max() const { return impl_->tokens_max; }
const std::string& Embedder::name() const { return impl_->name; }

std::vector<Token> Embedder::tokens(std::string_view text) const {
  const Tokenizer& tokenizer = *impl_->tokenizer;
  std::vector<Token> tokens = tokenizer.encode(text, true);
  const bool begins = tokenizer.add_bos() && tokenizer.bos() >= 0;
  const bool ends = tokenizer.add_eos() && tokenizer.eos() >= 0;
  const size_t room = static_cast<size_t>(impl_->tokens_max) - (begins ? 1 : 0) - (ends ? 1 : 0);
  if (tokens.size() > room) tokens.resize(room);
  if (begins) tokens.insert(tokens.begin(), tokenizer.bos());
  if (ends) tokens.push_back(tokenizer.eos());
  return tokens;
}

std::vector<float> Embedder::embed(std::span<const std::string_view> texts) const {
  std::vector<std::vector<Token>> ids;
  for (const std::string_view text : texts) ids.push_back(tokens(text));
  return embed_tokens(ids);
}

std::vector<float> Embedder::embed_tokens(std::span<const std::vector<Token>> texts) const {
  const auto width = static_cast<size_t>(dim());
  for (const std::vector<Token>& tokens : texts) {
    if (tokens.empty()) fail(Code::invalid, "a text without tokens");
    if (tokens.size() > static_cast<size_t>(impl_->tokens_max)) {
      fail(Code::invalid, "a text of more than " + std::to_string(impl_->tokens_max) + " tokens");
    }
    impl_->evaluator.check(tokens);
  }
  std::vector<float> out(texts.size() * width);
  for (size_t begin = 0, end = 0; begin < texts.size(); begin = end) {
    size_t rows = 0;
    while (end < texts.size() && (end == begin || rows + texts[end].size() <= kBatchTokens)) {
      rows += texts[end++].size();
    }
    impl_->run(texts.subspan(begin, end - begin),
               std::span(out).subspan(begin * width, (end - begin) * width));
  }
  return out;
}

bool is_embedding_model(const GgufFile& file) {
  const int64_t pooling = pooling_of(file);
  return pooling == kMean || pooling == kFirst || pooling == kLast;
}

}  // namespace corvid::engine
