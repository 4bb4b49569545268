#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "memory/types.h"
#include "runtime/base/json_fwd.h"

namespace corvid::memory {

// Collects the turns of one conversation.
class Conversation {
 public:
  Conversation(std::string format, SessionKind kind, Time fallback)
      : format_(std::move(format)), kind_(kind), last_(fallback) {}

  // `when` in RFC 3339; "" = that of the message before.
  void add(const std::string& role, const std::string& text, const std::string& when = "");
  void set_time(const std::string& when);  // in RFC 3339
  void set_speaker(const std::string& name) { speaker_ = name; }  // of the next turns; "" = role

  // Under `session`, or a name made of the first turn.
  std::vector<NewTurn> take(const std::string& session);

 private:
  std::string format_;
  SessionKind kind_;
  Time last_;
  int offset_ = 0;
  std::string speaker_;
  std::map<std::string, int> seen_;
  std::vector<NewTurn> turns_;
};

// The text parts of a message's content: a text, or a list of blocks.
std::string text_of(const Json& content);

// A text value, or "".
std::string text_at(const Json& object, const char* key);

// A transcript in memory; `where` names it in errors.
struct TranscriptFile {
  std::string where{};
  std::string_view content{};
  Time modified{};
};
std::vector<NewTurn> read_chat(const TranscriptFile& file);
std::vector<NewTurn> read_codex(const TranscriptFile& file);
std::vector<NewTurn> read_claude_code(const TranscriptFile& file);
std::vector<NewTurn> read_pi(const TranscriptFile& file);
std::vector<NewTurn> read_text(const TranscriptFile& file);

}  // namespace corvid::memory
