#include "engine/constraint.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "engine/sample/automaton.h"
#include "engine/sample/token_mask.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace corvid::engine {

namespace {
constexpr size_t kMasksMax = 128;
}

// What forks of one generation share. Masks are made once for each distinct future.
struct SharedConstraint {
  SharedConstraint(const ConstraintSpec& spec, const Tokenizer& vocabulary)
      : automaton(spec), tokenizer(vocabulary), masker(automaton, vocabulary) {}

  std::shared_ptr<const TokenMask> mask(const Position& position) {
    const std::string key = automaton.key(position, tokenizer.trie().characters_max());
    const std::lock_guard lock(mutex);
    if (const auto found = masks.find(key); found != masks.end()) return found->second;
    if (masks.size() >= kMasksMax) masks.clear();
    return masks[key] = std::make_shared<const TokenMask>(masker.make(position));
  }

  const Automaton automaton;
  const Tokenizer& tokenizer;
  const Masker masker;
  std::mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<const TokenMask>> masks;
};

struct Constraint::Impl {
  std::shared_ptr<SharedConstraint> shared;
  Position position;
  bool ended = false;
  std::vector<Token> plan;                 // forced tokens to come, last first
  std::shared_ptr<const TokenMask> mask;  // of `position`, when the plan is empty

  void refresh() {
    mask.reset();
    if (ended || !plan.empty()) return;
    mask = shared->mask(position);
    plan.assign(mask->forced.rbegin(), mask->forced.rend());
  }
};

Constraint::Constraint(const ConstraintSpec& spec, const Tokenizer& tokenizer)
    : impl_(std::make_unique<Impl>()) {
  impl_->shared = std::make_shared<SharedConstraint>(spec, tokenizer);
  impl_->position = impl_->shared->automaton.start();
  impl_->refresh();
}

Constraint::Constraint(const Constraint& other) : impl_(std::make_unique<Impl>(*other.impl_)) {}
Constraint& Constraint::operator=(const Constraint& other) {
  if (this != &other) *impl_ = *other.impl_;
  return *this;
}
Constraint::~Constraint() = default;

void Constraint::mask(std::span<float> logits) const {
  constexpr float kForbidden = -std::numeric_limits<float>::infinity();
  const Token only = forced();
  if (only >= 0 || impl_->ended) {
    for (size_t i = 0; i < logits.size(); ++i) {
      const auto token = static_cast<Token>(i);
      const bool end = impl_->ended && impl_->shared->tokenizer.is_end(token);
      if (token != only && !end) logits[i] = kForbidden;
    }
    return;
  }
  const TokenSet& allowed = impl_->mask->allowed;
  for (size_t i = 0; i < logits.size(); ++i) {
    const bool known = i < static_cast<size_t>(allowed.size());
    if (!known || !allowed.has(static_cast<Token>(i))) logits[i] = kForbidden;
  }
}

Token Constraint::forced() const {
  if (!impl_->plan.empty()) return impl_->plan.back();
  return impl_->ended ? impl_->shared->masker.end_token() : -1;
}

bool Constraint::allows(Token token) const {
  if (const Token only = forced(); only >= 0) return token == only;
  const TokenSet& allowed = impl_->mask->allowed;
  return token >= 0 && token < static_cast<Token>(allowed.size()) && allowed.has(token);
}

void Constraint::accept(Token token) {
  Impl& impl = *impl_;
  const Tokenizer& tokenizer = impl.shared->tokenizer;
  if (tokenizer.is_end(token)) {
    if (!impl.ended && !may_end()) fail(Code::invalid, "an end inside of a call");
    impl.ended = true;
    impl.plan.clear();
    return impl.refresh();
  }
  const std::string_view bytes = tokenizer.bytes(token);
  if (impl.ended || bytes.empty() || !impl.shared->automaton.step(impl.position, bytes)) {
    fail(Code::invalid, "token " + std::to_string(token) + " is not allowed here");
  }
  if (!impl.plan.empty() && impl.plan.back() == token) {
    impl.plan.pop_back();
  } else {
    impl.plan.clear();
  }
  impl.refresh();
}

bool Constraint::inside_call() const {
  return !impl_->ended && impl_->shared->automaton.inside_call(impl_->position);
}

bool Constraint::may_end() const {
  return impl_->ended || impl_->shared->automaton.may_end(impl_->position);
}

std::vector<Token> Constraint::closing() const {
  if (!inside_call()) return {};
  const std::string text = impl_->shared->automaton.completion(impl_->position);
  std::vector<Token> tokens = impl_->shared->masker.encode(impl_->position, text);
  Position end = impl_->position;
  for (Token token : tokens) {
    if (!impl_->shared->automaton.step(end, impl_->shared->tokenizer.bytes(token))) {
      fail(Code::unsupported, "the vocabulary cannot write the end of a call");
    }
  }
  CHECK(impl_->shared->automaton.may_end(end));
  return tokens;
}

}  // namespace corvid::engine
