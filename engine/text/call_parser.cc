#include <algorithm>

#include "engine/chat.h"
#include "runtime/base/json.h"

namespace corvid::engine {

namespace {

constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>";
constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kCallMax = size_t{16} << 20;

// Length of the longest end of `text` that could still become `tag`.
size_t partial_tag(std::string_view text, std::string_view tag) {
  for (size_t size = std::min(text.size(), tag.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == tag.substr(0, size)) return size;
  }
  return 0;
}

}  // namespace

std::string CallParser::push(std::string_view text) {
  pending_ += text;
  std::string shown;
  for (;;) {
    if (inside_) {
      if (!scan()) return shown;
      continue;
    }
    if (after_call_) {
      pending_.erase(0, std::min(pending_.find_first_not_of(kSpace), pending_.size()));
      if (pending_.empty()) return shown;
    }
    const size_t open = pending_.find(kOpen);
    const size_t keep = open == std::string::npos ? partial_tag(pending_, kOpen) : 0;
    const size_t end = open == std::string::npos ? pending_.size() - keep : open;
    if (end > 0) after_call_ = false;
    shown += pending_.substr(0, end);
    if (open == std::string::npos) {
      pending_.erase(0, end);
      return shown;
    }
    pending_.erase(0, open + kOpen.size());
    inside_ = true;
    scanned_ = json_end_ = 0;
    depth_ = 0;
    in_string_ = escaped_ = bad_ = false;
  }
}

// Reads on inside a call. True when the call has ended.
bool CallParser::scan() {
  for (; json_end_ == 0 && !bad_ && scanned_ < pending_.size(); ++scanned_) {
    const char c = pending_[scanned_];
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '{' || c == '[') {
      bad_ = ++depth_ > kJsonDepthMax;
    } else if (c == '}' || c == ']') {
      if (--depth_ == 0) json_end_ = scanned_ + 1;
      bad_ = depth_ < 0;
    } else if (c == '"' && depth_ > 0) {
      in_string_ = true;
    } else if (depth_ == 0 && kSpace.find(c) == std::string_view::npos) {
      bad_ = true;
    }
  }
  bad_ = bad_ || pending_.size() > kCallMax;
  // What is no JSON object ends at the next closing tag, wherever that stands.
  const size_t from = bad_ ? 0 : json_end_;
  if (!bad_ && json_end_ == 0) return false;
  const size_t close = pending_.find(kClose, from);
  if (close == std::string::npos) {
    if (bad_ && pending_.size() > kCallMax) {
      pending_.erase(0, pending_.size() - kClose.size());
      broken_ = true;
    }
    return false;
  }
  const std::string_view between(pending_.data() + from, close - from);
  if (!bad_ && between.find_first_not_of(kSpace) == std::string_view::npos) {
    take_call(std::string_view(pending_).substr(0, json_end_));
  } else {
    broken_ = true;
  }
  pending_.erase(0, close + kClose.size());
  close_call();
  return true;
}

void CallParser::close_call() {
  inside_ = false;
  after_call_ = true;
}

void CallParser::take_call(std::string_view json) {
  const OrderedJson call = OrderedJson::parse(json, nullptr, false);
  const auto name = call.is_object() ? call.find("name") : call.end();
  if (name == call.end() || !name->is_string()) {
    broken_ = true;
    return;
  }
  OrderedJson arguments = OrderedJson::object();
  if (const auto given = call.find("arguments"); given != call.end()) arguments = *given;
  // Some models write the arguments as JSON text within the JSON.
  if (arguments.is_string()) {
    arguments = OrderedJson::parse(arguments.get_ref<const std::string&>(), nullptr, false);
  }
  if (!arguments.is_object()) {
    broken_ = true;
    return;
  }
  calls_.push_back({name->get<std::string>(), arguments.dump()});
}

std::string CallParser::finish() {
  std::string rest;
  if (!inside_) {
    rest.swap(pending_);
    return rest;
  }
  const std::string_view tail = std::string_view(pending_).substr(json_end_);
  const size_t begin = std::min(tail.find_first_not_of(kSpace), tail.size());
  const bool whole = json_end_ > 0 && !bad_ && kClose.starts_with(tail.substr(begin));
  if (whole) {
    take_call(std::string_view(pending_).substr(0, json_end_));
  } else {
    broken_ = true;
  }
  pending_.clear();
  close_call();
  return rest;
}

}  // namespace corvid::engine
