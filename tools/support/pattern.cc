#include "tools/support/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace corvid::tools {
namespace {

constexpr uint32_t kMatchStepsMax = 200'000;
constexpr uint32_t kHeapKibMax = 16 << 10;
constexpr size_t kPatternBytesMax = 4096;

}  // namespace

struct SearchPattern::Code {
  pcre2_code* code = nullptr;
  pcre2_match_data* data = nullptr;
  pcre2_match_context* context = nullptr;

  ~Code() {
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }
};

SearchPattern::SearchPattern(std::string_view text) : text_(text) {
  if (text.size() > kPatternBytesMax) {
    problem_ = "longer than " + std::to_string(kPatternBytesMax) + " bytes";
    return;
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto code = std::make_unique<Code>();
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text_.data()), text_.size(),
                             PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &error,
                             &offset, nullptr);
  if (code->code == nullptr) {
    PCRE2_UCHAR message[200] = {};
    pcre2_get_error_message(error, message, sizeof message);
    problem_ = reinterpret_cast<const char*>(message);
    return;
  }
  code->data = pcre2_match_data_create(1, nullptr);
  code->context = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(code->context, kMatchStepsMax);
  pcre2_set_heap_limit(code->context, kHeapKibMax);
  code_ = std::move(code);
}

SearchPattern::~SearchPattern() = default;

bool SearchPattern::matches(std::string_view line) const {
  if (code_ == nullptr) return line.find(text_) != std::string_view::npos;
  return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(line.data()), line.size(), 0, 0,
                     code_->data, code_->context) >= 0;
}

}  // namespace corvid::tools
