#include "memory/manage/transcripts/builder.h"

#include "memory/ingest/times.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kIdDigits = 16;
constexpr size_t kSessionBytesMax = 200;

}  // namespace

void Conversation::add(const std::string& role, const std::string& text, const std::string& when) {
  if (!when.empty()) set_time(when);
  if (trim(text).empty()) return;
  NewTurn turn;
  turn.role = role;
  turn.speaker = speaker_;
  turn.channel = "import:" + format_;
  turn.kind = kind_;
  turn.said_at = last_;
  turn.said_offset = offset_;
  turn.text = text;
  const std::string id =
      sha256_hex(role + '\n' + speaker_ + '\n' + to_utf8(text)).substr(0, kIdDigits);
  const int earlier = seen_[id]++;  // "yes" may be said twice
  turn.external_id = format_ + "/" + id + (earlier > 0 ? "/" + std::to_string(earlier) : "");
  turns_.push_back(std::move(turn));
}

void Conversation::set_time(const std::string& when) {
  last_ = parse_time(when);
  offset_ = utc_offset(when);
}

std::vector<NewTurn> Conversation::take(const std::string& session) {
  std::string name = session;
  if (name.empty() && !turns_.empty()) {
    name = sha256_hex(turns_.front().external_id).substr(0, kIdDigits);
  }
  if (name.size() > kSessionBytesMax) name = sha256_hex(name).substr(0, kIdDigits);
  for (NewTurn& turn : turns_) {
    turn.session = format_ + ":" + name;
    turn.is_unnamed = session.empty();
  }
  return std::move(turns_);
}

std::string text_at(const Json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const Json& block : content) {
    const std::string type = text_at(block, "type");
    std::string part = block.is_string() ? block.get<std::string>() : "";
    if (type == "text" || type == "input_text" || type == "output_text") {
      part = text_at(block, "text");
    }
    if (part.empty()) continue;
    if (!text.empty()) text += '\n';
    text += part;
  }
  return text;
}

}  // namespace corvid::memory
