#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tokenizer.h"

namespace corvid::engine {

// A generation's text as it grows: whole characters, cut before the first stop string. Text that
// could still begin a stop string is not shown yet.
class TextOutput {
 public:
  TextOutput(const Tokenizer& tokenizer, const std::vector<std::string>& stops,
             const std::function<void(std::string_view)>& on_text)
      : detokenizer_(tokenizer), stops_(stops), on_text_(on_text) {}

  // True when a stop string is complete; looked for only with `watch`.
  bool push(Token token, bool watch);
  // The whole text; shows what was held back.
  std::string finish();

 private:
  void show(size_t end);
  bool cut(size_t from);

  Detokenizer detokenizer_;
  const std::vector<std::string>& stops_;
  const std::function<void(std::string_view)>& on_text_;
  std::string text_;
  size_t shown_ = 0;
  bool stopped_ = false;
};

}  // namespace corvid::engine
