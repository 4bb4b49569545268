#include "engine/sample/reasoning_budget.h"

#include "runtime/base/text.h"

namespace corvid::engine {

std::string ReasoningBudget::accept(std::string_view bytes) {
  if (inside_) --left_;
  tail_ += bytes;
  bool ended = false;
  for (;;) {
    const std::string_view tag = inside_ ? kThinkEndTag : kThinkTag;
    const size_t at = tail_.find(tag);
    if (at == std::string::npos) break;
    tail_.erase(0, at + tag.size());
    ended = inside_;
    inside_ = !inside_;
  }
  std::string behind = ended ? tail_ : std::string();
  constexpr size_t kKept = kThinkEndTag.size() - 1;
  if (tail_.size() > kKept) tail_.erase(0, tail_.size() - kKept);
  return behind;
}

bool ReasoningBudget::is_due() const {
  return inside_ && is_limited_ && left_ <= 0 && whole_characters(tail_) == tail_.size();
}

}  // namespace corvid::engine
