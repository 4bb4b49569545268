#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "engine/constraint.h"
#include "engine/sampling.h"
#include "engine/sample/text_output.h"
#include "engine/speculate/lookup.h"
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
        constraint_(constraint),
        draft_size_(params.drafts_max) {}

  Generation run(const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
    TextOutput output(engine_.tokenizer(), params_.stop, on_text);
    for (;;) {
      if (stop.stop_requested()) return finish(output, FinishReason::cancelled);
      const auto room = static_cast<size_t>(params_.tokens_max) - made_.tokens.size();
      if (params_.tokens_max <= 0 || room == 0) return close(output);
      if (params_.drafts != Drafts::none && !forced()) {
        const std::optional<FinishReason> end = speculate(output, room);
        if (end) return finish(output, *end);
        continue;
      }
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
  bool forced() const { return constraint_ && constraint_->forced() >= 0; }

  Token draw(std::span<float> logits, std::span<const Token> recent) const {
    forbid_unused(logits);
    if (constraint_) constraint_->mask(logits);
    return sample(logits, params_, recent, made_.tokens.size());
  }

  Token accepted(Token token) {
    if (constraint_) constraint_->accept(token);
    return token;
  }

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
    if (next.empty()) next.push_back(accepted(draw(logits_, sequence_.tokens())));
    return next;
  }

  std::vector<Token> guess(Token next, size_t room) {
    const int count = static_cast<int>(std::min(room - 1, static_cast<size_t>(draft_size_)));
    if (count <= 0 || engine_.tokenizer().is_end(next)) return {};
    std::vector<Token> guesses = params_.drafts == Drafts::lookup
                                     ? look_up(sequence_.tokens(), next, count)
                                     : engine_.draft(sequence_, next, count, {});
    if (constraint_) guesses.resize(count_allowed(guesses));
    return guesses;
  }

  // Those in front that the constraint allows and leaves a choice about.
  size_t count_allowed(std::span<const Token> guesses) const {
    Constraint ahead = *constraint_;
    for (size_t i = 0; i < guesses.size(); ++i) {
      if (ahead.forced() >= 0 || !ahead.allows(guesses[i])) return i;
      ahead.accept(guesses[i]);
    }
    return guesses.size();
  }

  // One sampled token and, of the guesses behind it, those that sampling gives as well. What is
  // forced is left to choose(), which evaluates it as one piece.
  std::optional<FinishReason> speculate(TextOutput& output, size_t room) {
    const auto window = static_cast<size_t>(std::max(params_.penalty_window, 0));
    const auto log = sequence_.tokens();
    std::vector<Token> recent(log.end() - static_cast<std::ptrdiff_t>(std::min(window, log.size())),
                              log.end());
    std::vector<Token> tokens{accepted(draw(logits_, recent))};
    const std::vector<Token> guesses = guess(tokens[0], room);
    tokens.insert(tokens.end(), guesses.begin(), guesses.end());
    const size_t width = logits_.size();
    std::vector<float> rows(tokens.size() * width), row(width);
    std::optional<FinishReason> end;
    size_t kept = 0;
    engine_.verify(sequence_, tokens, rows, [&] {
      for (;;) {
        const Token token = tokens[kept++];
        made_.tokens.push_back(token);
        recent.push_back(token);
        const bool watch = !constraint_ || !constraint_->inside_call();
        if (engine_.tokenizer().is_end(token)) end = FinishReason::end;
        else if (output.push(token, watch)) end = FinishReason::stop_string;
        if (end || kept == tokens.size() || forced()) return kept;
        std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>((kept - 1) * width), width,
                    row.begin());
        if (draw(row, recent) != tokens[kept]) return kept;
        accepted(tokens[kept]);
      }
    });
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>((kept - 1) * width), width,
                logits_.begin());
    made_.drafted_count += static_cast<int>(guesses.size());
    made_.accepted_count += static_cast<int>(kept) - 1;
    if (kept == tokens.size()) draft_size_ = std::min(params_.drafts_max, 2 * draft_size_);
    else if (kept == 1) draft_size_ = std::max(1, draft_size_ / 2);
    return end;
  }

  // Rows of the output matrix that stand for no token.
  void forbid_unused(std::span<float> logits) const {
    constexpr float kForbidden = -std::numeric_limits<float>::infinity();
    const Tokenizer& tokenizer = engine_.tokenizer();
    const size_t known = std::min(static_cast<size_t>(tokenizer.vocab_size()), logits.size());
    for (const Token token : tokenizer.unused()) {
      if (static_cast<size_t>(token) < known) logits[static_cast<size_t>(token)] = kForbidden;
    }
    for (float& logit : logits.subspan(known)) logit = kForbidden;
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
  int draft_size_;
  Generation made_;
};

}  // namespace

Generation generate(Engine& engine, Sequence& sequence, std::span<float> logits,
                    const SamplingParams& params, Constraint* constraint,
                    const std::function<void(std::string_view)>& on_text, std::stop_token stop) {
  return Loop(engine, sequence, logits, params, constraint).run(on_text, stop);
}

}  // namespace corvid::engine
