#include "runtime/cut_off.h"

#include <algorithm>
#include <set>

#include <unistd.h>

#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/mask_event.h"

namespace corvid::runtime {
namespace {

void note_message(const Message& message, CutOff& end, std::vector<ToolCall>& open) {
  end.has_task = true;
  if (message.is_untrusted) end.from.before.has_untrusted = true;
  if (message.role == Role::tool) {
    std::erase_if(open, [&](const ToolCall& call) { return call.id == message.call_id; });
  }
  open.insert(open.end(), message.calls.begin(), message.calls.end());
  if (message.role == Role::user) end.from.check_is_owed = false;
  if (message.role == Role::assistant && message.calls.empty()) {
    end.from.check_is_owed = !message.content.empty();
  }
}

void count_action(const std::string& text, policies::Before& before) {
  const Json action = try_parse_json(text);  // what was forgotten is none
  if (!action.is_object()) return;
  before.commands += action.contains("argv") ? 1 : 0;
  before.writes += action.contains("writes") ? 1 : 0;
  before.requests += action.contains("hosts") ? 1 : 0;
}

// An attempt whose check was cut off may still pass, so it is not one that failed.
void note_attempt(const Event& event, std::set<int>& failed, std::set<int>& out_of_time) {
  if (std::holds_alternative<AttemptStarted>(event.body)) {
    failed.erase(event.attempt);
    out_of_time.erase(event.attempt);
  } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
    if (check->timed_out) out_of_time.insert(event.attempt);
  } else if (const auto* ended = std::get_if<AttemptEnded>(&event.body)) {
    if (ended->status == "failed" && !out_of_time.contains(event.attempt)) {
      failed.insert(event.attempt);
    }
  }
}

}  // namespace

void note_check(const CheckRan& check, Seen& seen) {
  if (check.purpose != "verify") return;
  seen.edit_is_unchecked = false;
  seen.check_is_known = true;
}

std::vector<std::string> changed_since_read(const tools::Workspace& workspace,
                                            const tools::ToolState& state) {
  constexpr uintmax_t kBytesMax = 16 << 20;  // more than tools read
  std::vector<std::string> changed;
  for (const auto& [path, hash] : state.read_hashes) {
    const std::filesystem::path file = workspace.root() / path;
    std::error_code error;
    const bool is_readable = std::filesystem::is_regular_file(file, error) &&
                             std::filesystem::file_size(file, error) <= kBytesMax &&
                             ::access(file.c_str(), R_OK) == 0;
    if (!is_readable || sha256_hex(read_file(file)) != hash) changed.push_back(path);
  }
  return changed;
}

CutOff find_cut_off(std::span<const Event> events) {
  CutOff end;
  std::vector<ToolCall> open;
  std::set<std::string> decided;
  std::set<int> out_of_time;  // attempts whose last check was cut off
  for (const Event& event : events) {
    if (event.attempt >= 0) {
      note_attempt(event, end.failed_attempts, out_of_time);
    } else if (std::holds_alternative<SessionStarted>(event.body)) {
      end.failed_attempts.clear();  // a new task begins
      end.has_task = false;
      end.from.before = {.has_untrusted = end.from.before.has_untrusted};
      end.from.was_denied = false;
    } else if (std::holds_alternative<TurnEnded>(event.body)) {
      ++end.from.turns_done;
    } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      end.from.check_is_owed = false;
      note_check(*check, end.from.seen);
    } else if (const auto* action = std::get_if<ActionDecided>(&event.body)) {
      decided.insert(action->call_id);
      if (action->verdict == "allow") count_action(action->action, end.from.before);
      if (action->verdict == "deny") end.from.was_denied = true;
    } else if (const auto* finished = std::get_if<ToolFinished>(&event.body)) {
      if (!finished->state.empty()) {
        end.from.state = tool_state_from_json(finished->state);
        end.from.seen = seen_from_json(finished->state);
      }
      end.from.check_is_owed = finished->tool == "finish" && !finished->is_error;
    } else if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
      note_message(added->message, end, open);
    }
  }
  for (const ToolCall& call : open) {
    if (decided.contains(call.id) || is_masked(call)) {
      end.interrupted.push_back(call.id);
    } else {
      end.from.unstarted.calls.push_back(call);
    }
  }
  return end;
}

}  // namespace corvid::runtime
