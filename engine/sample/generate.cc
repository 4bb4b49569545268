#include <algorithm>
#include <limits>
#include <utility>

#include "engine/constraint.h"
#include "engine/sampling.h"
#include "engine/sample/text_output.h"
#include "engine/tokenizer.h"

namespace corvid::engine {

namespace {

class Loop {
 public:
  Loop(Engine& engine, Sequence& sequence, std::span<float> logits, const SamplingParams& params,
       Constraint* constraint)
      : engine_(engine),
        sequence_(sequence),
        logits_(logits),
        params_(params),
        constraint_(constraint) {}

  Generation run(const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
    TextOutput output(engine_.tokenizer(), params_.stop, on_text);
    for (;;) {
      if (stop.stop_requested()) return finish(output, FinishReason::cancelled);
      const auto room = static_cast<size_t>(params_.tokens_max) - made_.tokens.size();
      if (params_.tokens_max <= 0 || room == 0) return close(output);
      const std::vector<Token> next = choose(room);
      evaluate(next);
      for (Token token : next) {
        if (engine_.tokenizer().is_end(token)) return finish(output, FinishReason::end);
        // A stop string means nothing inside of a call.
        const bool watch = !constraint_ || !constraint_->inside_call();
        if (output.push(token, watch)) return finish(output, FinishReason::stop_string);
      }
    }
  }

 private:
  // One sampled token, or all that are forced (up to `room`).
  std::vector<Token> choose(size_t room) {
    std::vector<Token> next;
    while (constraint_ && next.size() < room) {
      const Token token = constraint_->forced();
      if (token < 0) break;
      next.push_back(token);
      constraint_->accept(token);
      if (engine_.tokenizer().is_end(token)) return next;
    }
    if (!next.empty()) return next;
    forbid_unused();
    if (constraint_) constraint_->mask(logits_);
    const Token token = sample(logits_, params_, sequence_.tokens(), made_.tokens.size());
    if (constraint_) constraint_->accept(token);
    return {token};
  }

  // Rows of the output matrix that stand for no token.
  void forbid_unused() {
    constexpr float kForbidden = -std::numeric_limits<float>::infinity();
    const Tokenizer& tokenizer = engine_.tokenizer();
    const size_t known = std::min(static_cast<size_t>(tokenizer.vocab_size()), logits_.size());
    for (const Token token : tokenizer.unused()) {
      if (static_cast<size_t>(token) < known) logits_[static_cast<size_t>(token)] = kForbidden;
    }
    for (float& logit : logits_.subspan(known)) logit = kForbidden;
  }

  void evaluate(std::span<const Token> tokens) {
    if (tokens.size() == 1) {
      const StepItem item{&sequence_, tokens[0]};
      engine_.step(std::span(&item, 1), logits_);
    } else if (!tokens.empty()) {
      engine_.append(sequence_, tokens, logits_, false, {});
    }
    made_.tokens.insert(made_.tokens.end(), tokens.begin(), tokens.end());
  }

  // The limit: what is open is closed, so that a call that was begun still parses.
  Generation close(TextOutput& output) {
    if (constraint_) {
      const std::vector<Token> closing = constraint_->closing();
      for (Token token : closing) constraint_->accept(token);
      evaluate(closing);
      for (Token token : closing) output.push(token, false);
    }
    return finish(output, FinishReason::length);
  }

  Generation finish(TextOutput& output, FinishReason reason) {
    made_.text = output.finish();
    made_.finish = reason;
    return std::move(made_);
  }

  Engine& engine_;
  Sequence& sequence_;
  std::span<float> logits_;
  const SamplingParams& params_;
  Constraint* constraint_;
  Generation made_;
};

}  // namespace

Generation generate(Engine& engine, Sequence& sequence, std::span<float> logits,
                    const SamplingParams& params, Constraint* constraint,
                    const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
  return Loop(engine, sequence, logits, params, constraint).run(on_text, stop);
}

}  // namespace corvid::engine
