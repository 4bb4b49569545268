#include "engine/constraint.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "engine/sample/automaton.h"
#include "engine/sample/reasoning_budget.h"
#include "engine/sample/token_mask.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"

namespace corvid::engine {

namespace {

constexpr size_t kMasksMax = 128;

// Text in which no call can begin.
ConstraintSpec spec_of_thoughts(CallSyntax syntax) {
  ConstraintSpec spec;
  spec.syntax = syntax;
  return spec;
}

}  // namespace

// What may come at each place of an automaton. Masks are made once for each distinct future.
struct Masks {
  Masks(const ConstraintSpec& spec, const Tokenizer& vocabulary)
      : automaton(spec), tokenizer(vocabulary), masker(automaton, vocabulary) {}

  std::shared_ptr<const TokenMask> at(const Position& position) {
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

// What forks of one generation share.
struct SharedConstraint : Masks {
  SharedConstraint(const ConstraintSpec& spec, const Tokenizer& vocabulary)
      : Masks(spec, vocabulary), thinking(spec.thinking) {
    if (!thinking) return;
    thoughts.emplace(spec_of_thoughts(spec.syntax), vocabulary);
    end = vocabulary.encode(thinking->end, true, true);
    if (vocabulary.decode(end) != thinking->end ||
        thinking->end.find(kThinkEndTag) == std::string::npos) {
      fail(Code::invalid, "the end of thinking cannot be written");
    }
  }

  const std::optional<Thinking> thinking;
  std::optional<Masks> thoughts;
  std::vector<Token> end;  // the tokens of `thinking->end`
};

struct Constraint::Impl {
  std::shared_ptr<SharedConstraint> shared;
  Position position, thought;  // in the turn behind the thinking, and in that
  std::optional<ReasoningBudget> budget;
  bool ended = false;
  bool leaving = false;                    // the plan is the rest of the end of thinking
  std::vector<Token> plan;                 // forced tokens to come, last first
  std::shared_ptr<const TokenMask> mask;  // of where we are, when the plan is empty

  bool thinks() const { return leaving || (budget && budget->inside()); }

  bool may_be(Token token) const {
    const TokenSet& allowed = mask->allowed;
    if (token < 0 || token >= static_cast<Token>(allowed.size())) return false;
    return allowed.has(token) && !(thinks() && shared->tokenizer.is_end(token));
  }

  void refresh() {
    mask.reset();
    if (ended || !plan.empty()) return;
    leaving = false;
    if (!thinks()) {
      mask = shared->at(position);
      plan.assign(mask->forced.rbegin(), mask->forced.rend());
    } else if (budget->is_due()) {
      plan.assign(shared->end.rbegin(), shared->end.rend());
    } else {
      mask = shared->thoughts->at(thought);
    }
  }

  void take_planned(Token token) {
    if (!plan.empty() && plan.back() == token) {
      plan.pop_back();
    } else {
      plan.clear();
    }
  }

  // False: it cannot stand here. Behind the tag the rest of the end is written as models have
  // learnt it. What closing() gives may stand where the end is forced, which is the same text.
  bool accept_thought(Token token, std::string_view bytes) {
    if (leaving) {
      if (plan.back() != token) return false;
      plan.pop_back();
    } else {
      const bool is_end = shared->tokenizer.is_end(token) || bytes.empty();
      if (is_end || !shared->thoughts->automaton.step(thought, bytes)) return false;
      take_planned(token);
      const std::string behind = budget->accept(bytes);
      leaving = !budget->inside();
      if (leaving) plan_rest(behind);
    }
    refresh();
    return true;
  }

  void plan_rest(const std::string& behind) {
    plan.clear();
    const std::string& end = shared->thinking->end;
    const std::string rest = end.substr(end.find(kThinkEndTag) + kThinkEndTag.size());
    if (!rest.starts_with(behind)) return;
    const auto tokens = shared->tokenizer.encode(rest.substr(behind.size()), false, true);
    plan.assign(tokens.rbegin(), tokens.rend());
  }
};

Constraint::Constraint(const ConstraintSpec& spec, const Tokenizer& tokenizer)
    : impl_(std::make_unique<Impl>()) {
  impl_->shared = std::make_shared<SharedConstraint>(spec, tokenizer);
  impl_->position = impl_->shared->automaton.start();
  if (spec.thinking) {
    impl_->thought = impl_->shared->thoughts->automaton.start();
    impl_->budget.emplace(spec.thinking->is_open, spec.thinking->tokens_max);
  }
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
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!impl_->may_be(static_cast<Token>(i))) logits[i] = kForbidden;
  }
}

Token Constraint::forced() const {
  if (!impl_->plan.empty()) return impl_->plan.back();
  return impl_->ended ? impl_->shared->masker.end_token() : -1;
}

bool Constraint::allows(Token token) const {
  if (const Token only = forced(); only >= 0) return token == only;
  return impl_->may_be(token);
}

void Constraint::accept(Token token) {
  Impl& impl = *impl_;
  const Tokenizer& tokenizer = impl.shared->tokenizer;
  if (impl.thinks()) {
    if (impl.accept_thought(token, tokenizer.bytes(token))) return;
    fail(Code::invalid, "token " + std::to_string(token) + " is not allowed in a thought");
  }
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
  impl.take_planned(token);
  if (impl.budget && Automaton::is_text(impl.position)) {
    impl.budget->accept(bytes);
    if (impl.thinks()) impl.thought = impl.shared->thoughts->automaton.start();
  }
  impl.refresh();
}

bool Constraint::inside_call() const {
  return !impl_->ended && !impl_->thinks() &&
         impl_->shared->automaton.inside_call(impl_->position);
}

bool Constraint::may_end() const {
  if (impl_->ended) return true;
  return !impl_->thinks() && impl_->shared->automaton.may_end(impl_->position);
}

std::vector<Token> Constraint::closing() const {
  const Automaton& automaton = impl_->shared->automaton;
  std::vector<Token> before;
  if (impl_->thinks()) {
    before = impl_->plan.empty() ? impl_->shared->end
                                 : std::vector<Token>(impl_->plan.rbegin(), impl_->plan.rend());
  }
  if (impl_->ended || !automaton.inside_call(impl_->position)) return before;
  const std::string text = automaton.completion(impl_->position);
  const std::vector<Token> tokens = impl_->shared->masker.encode(impl_->position, text);
  Position end = impl_->position;
  for (Token token : tokens) {
    if (!automaton.step(end, impl_->shared->tokenizer.bytes(token))) {
      fail(Code::unsupported, "the vocabulary cannot write the end of a call");
    }
  }
  CHECK(automaton.may_end(end));
  before.insert(before.end(), tokens.begin(), tokens.end());
  return before;
}

}  // namespace corvid::engine
