#pragma once
// A run as threads, turns and items, the lines that programs know from `codex exec --json`. They
// stand among Corvid's own (event.h).

#include <map>
#include <string>
#include <vector>

#include "runtime/event.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

class ItemEvents {
 public:
  // A session that goes on: its id is known before its first event.
  std::vector<Json> begin(const std::string& session);
  // What an event of the log adds; events come in their order.
  std::vector<Json> of(const Event& event);
  std::vector<Json> end(const RunResult& result);

 private:
  struct Call {
    std::string tool, arguments, command;  // command: of those that run one
    bool is_denied = false, is_error = false;
    int exit_code = 0;
    std::string diff;
  };

  Json completed(const std::string& id, const Call& call, const std::string& output) const;
  std::vector<Json> of_message(const Event& event, const Message& message);

  std::map<std::string, Call> calls_;  // on their way, by id
  int text_count_ = 0;
  bool is_begun_ = false;
};

}  // namespace corvid::runtime
