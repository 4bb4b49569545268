#include "runtime/providers/support/sse.h"

#include "runtime/base/error.h"

namespace corvid::runtime {

static constexpr size_t kEventBytesMax = 16 << 20;

void SseReader::feed(std::string_view bytes) {
  for (const char c : bytes) {
    const bool ends_pair = c == '\n' && last_was_return_;
    last_was_return_ = c == '\r';
    if (ends_pair) continue;
    if (c == '\n' || c == '\r') {
      take_line(line_);
      line_.clear();
    } else {
      line_ += c;
      if (line_.size() + data_.size() > kEventBytesMax) {
        fail(Code::invalid, "the server's event is longer than 16 MiB");
      }
    }
  }
}

void SseReader::end() {
  if (!line_.empty()) take_line(line_);
  line_.clear();
  dispatch();
}

void SseReader::take_line(std::string_view line) {
  if (line.empty()) return dispatch();
  const size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") {
    event_ = value;
  } else if (field == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  }
}

void SseReader::dispatch() {
  if (has_data_) on_event_(event_, data_);
  event_.clear();
  data_.clear();
  has_data_ = false;
}

}  // namespace corvid::runtime
