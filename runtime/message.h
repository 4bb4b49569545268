#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/json_fwd.h"

namespace corvid::runtime {

enum class Role { system, user, assistant, tool };

struct ToolCall {
  std::string id;  // unique in the session: "call_7"
  std::string name;
  std::string arguments;  // JSON object text, as the model wrote it
};

struct Message {
  Role role = Role::user;
  std::string content;
  std::vector<ToolCall> calls;  // of an assistant message
  std::string call_id;          // of a tool message: the call that it answers
  bool is_note = false;         // of a user message: the harness's word, not the person's
  bool is_untrusted = false;    // holds text from the web (policies::Before::has_untrusted)
  std::string reasoning = {};   // of an assistant message: what came before it, no part of it
};

// About what it takes in a request.
size_t bytes_of(const Message& message);

// Tokens of one lineage (a sequence and what it was forked from). Where `prefilled` and `generated`
// are summed over a lineage they give the length of its token log.
struct TokenCounts {
  int64_t prefilled = 0;  // evaluated for the first time, as input
  int64_t reused = 0;     // already in the model's state
  int64_t generated = 0;
  int64_t rebuilt = 0;  // evaluated again after recovery

  TokenCounts& operator+=(const TokenCounts& other);
};

std::string role_name(Role role);
Role role_from_name(const std::string& name);  // throws invalid

Json message_to_json(const Message& message);
Message message_from_json(const Json& json);
Json counts_to_json(const TokenCounts& counts);
TokenCounts counts_from_json(const Json& json);

}  // namespace corvid::runtime
