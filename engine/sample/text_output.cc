#include "engine/sample/text_output.h"

#include <algorithm>

namespace corvid::engine {

void TextOutput::show(size_t end) {
  if (end <= shown_) return;
  if (on_text_) on_text_(std::string_view(text_).substr(shown_, end - shown_));
  shown_ = end;
}

// Ends the text before the earliest stop string at or behind `from`.
bool TextOutput::cut(size_t from) {
  size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    if (!stop.empty()) first = std::min(first, text_.find(stop, from));
  }
  if (first == std::string::npos) return false;
  text_.resize(first);
  stopped_ = true;
  return true;
}

bool TextOutput::push(Token token, bool watch) {
  text_ += detokenizer_.push(token);
  if (watch && cut(shown_)) {
    show(text_.size());
    return true;
  }
  size_t held = 0;
  for (const std::string& stop : stops_) {
    for (size_t size = std::min(stop.size(), text_.size() - shown_ + 1); watch && size-- > 1;) {
      if (!text_.ends_with(std::string_view(stop).substr(0, size))) continue;
      held = std::max(held, size);
      break;
    }
  }
  show(text_.size() - held);
  return false;
}

std::string TextOutput::finish() {
  if (!stopped_) text_ += detokenizer_.finish();
  show(text_.size());
  return text_;
}

}  // namespace corvid::engine
