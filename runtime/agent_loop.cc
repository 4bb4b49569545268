#include "runtime/agent_loop.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <span>
#include <thread>
#include <utility>

#include "policies/web_text.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/clean_copy.h"
#include "runtime/early_check.h"
#include "runtime/output_files.h"

namespace corvid::runtime {
namespace {

constexpr size_t kHookOutputBytes = 16 << 10;
constexpr size_t kReadingMax = 8;  // calls that run side by side

Json paths_json(const std::vector<std::filesystem::path>& paths) {
  Json json = Json::array();
  for (const auto& path : paths) json.push_back(path.string());
  return json;
}

std::string action_json(const policies::Action& action) {
  Json json = {{"tool", action.tool}};
  if (!action.argv.empty()) json["argv"] = action.argv;
  if (!action.reads.empty()) json["reads"] = paths_json(action.reads);
  if (!action.writes.empty()) json["writes"] = paths_json(action.writes);
  if (!action.hosts.empty()) json["hosts"] = action.hosts;
  if (action.before.has_untrusted) json["after_untrusted"] = true;
  return dump_json(json);
}

tools::ToolResult error_result(std::string text) {
  tools::ToolResult result;
  result.text = std::move(text);
  result.is_error = true;
  return result;
}

std::string cut_off_note(int64_t tokens_max, std::string_view what) {
  return "The last reply was cut off at " + std::to_string(tokens_max) + " tokens" +
         std::string(what);
}

}  // namespace

struct AgentLoop::Step {
  const ToolCall& call;
  const tools::Tool* tool = nullptr;  // none: it is answered without being run
  Json arguments = {};
  policies::Action action = {};
  sandbox::Profile profile = {};
  tools::ToolState state = {};  // its own while it runs beside others
  tools::ToolResult result = {};
  std::exception_ptr cancelled = {};
  std::string restriction = {};  // what it is allowed without, for the model
  int64_t ms = 0;
};

AgentLoop::AgentLoop(LoopParts parts, LoopOptions options, std::unique_ptr<Provider> provider)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      provider_(std::move(provider)),
      compactor_(parts_.session, options_.attempt, options_.tokens_max) {}

StopReason AgentLoop::run(StartPoint from, std::stop_token stop) {
  const StopReason reason = go_on(std::move(from), stop);
  end_commands();
  return reason;
}

StopReason AgentLoop::go_on(StartPoint from, std::stop_token stop) {
  state_ = std::move(from.state);
  before_ = from.before;
  was_denied_ = from.was_denied;
  seen_ = from.seen;
  turns_ = from.turns_done;
  if (!from.unstarted.calls.empty()) {
    if (const auto reason = run_calls(from.unstarted, stop)) return *reason;
  } else if (from.check_is_owed) {
    if (const auto reason = check(stop)) return *reason;
  }
  for (Message& message : from.added) record(std::move(message));
  if (from.compact && !make_room(stop, true)) return StopReason::context_full;
  while (turns_ < options_.turns_max) {
    if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
    if (parts_.tokens_left != nullptr && *parts_.tokens_left <= 0) return StopReason::token_limit;
    const std::optional<Reply> next = next_reply(stop);
    if (!next) return StopReason::context_full;
    const Reply& reply = *next;
    if (options_.stop_before_write && would_write(reply.message)) {
      pending_ = reply;
      is_at_write_ = true;
      return StopReason::before_write;
    }
    ++turns_;
    tokens_ += reply.tokens;
    parts_.session.append_unsynced(TurnEnded{turns_, reply.tokens, provider_->lineage()},
                                   options_.attempt);
    Message message = reply.message;
    for (size_t i = 0; i < message.calls.size(); ++i) {
      const std::string lineage =
          options_.attempt < 0 ? "" : "a" + std::to_string(options_.attempt) + "_";
      message.calls[i].id =
          "call_" + lineage + std::to_string(turns_) + "_" + std::to_string(i + 1);
    }
    parts_.session.append_unsynced(MessageAdded{message}, options_.attempt);
    if (!message.content.empty()) last_text_ = message.content;
    std::optional<Nudge> nudge;
    const bool is_cut_off = reply.end == ReplyEnd::length;
    if (message.calls.empty()) {
      nudge = stuck_.after_text(message.content, is_cut_off);
      if (is_cut_off || message.content.empty()) {
        if (is_cut_off) {
          note(cut_off_note(options_.tokens_max, ". Go on in smaller steps."));
        } else if (!nudge) {
          note("The last reply was empty. Call a tool, or finish.");
        }
        if (tell(nudge)) return StopReason::stuck;
        continue;
      }
    }
    if (const auto reason = run_calls(message, stop)) return *reason;
    if (is_cut_off && !message.calls.empty()) {
      note(cut_off_note(options_.tokens_max, ", within its last call. Write less at once: a long "
                                             "file in several parts."));
    }
    if (tell(nudge)) return StopReason::stuck;
  }
  return StopReason::turn_limit;
}

void AgentLoop::record(Message message) {
  before_.has_untrusted = before_.has_untrusted || message.is_untrusted;
  parts_.session.append_unsynced(MessageAdded{message}, options_.attempt);
  added_.push_back(std::move(message));
}

void AgentLoop::note(std::string text) { record({Role::user, std::move(text), {}, {}, true}); }

// Not for a model that knows calls only: it can neither summarise nor read what was left out.
bool AgentLoop::make_room(std::stop_token stop, bool is_asked) {
  parts_.session.sync();  // what the model is about to see
  if (is_narrow() || pending_.has_value()) return true;
  Room room;
  try {
    room = compactor_.make_room(*provider_, added_, state_, stop, is_asked);
  } catch (const Error& error) {
    if (error.code() == Code::cancelled) throw;
    fail(Code::device, std::string("the model failed: ") + error.what());
  }
  tokens_ += room.tokens;
  if (parts_.tokens_left != nullptr) {
    *parts_.tokens_left -= room.tokens.prefilled + room.tokens.generated + room.tokens.rebuilt;
  }
  if (room.is_changed) added_.clear();
  return room.fits;
}

// A model that must answer with a call was not trained on such words; it is only stopped.
bool AgentLoop::tell(const std::optional<Nudge>& nudge) {
  if (!nudge) return false;
  log::info("loop", "the model goes in circles",
            {{"circle", std::string(circle_name(nudge->circle))}});
  if (nudge->is_last) return true;
  if (!parts_.profile.calls_required) note(nudge->text);
  return false;
}

// A server that refuses the conversation for its length has told the model's window: it is asked
// once more, with room made for that.
std::optional<Reply> AgentLoop::next_reply(std::stop_token stop) {
  if (!make_room(stop)) return std::nullopt;
  Reply reply = ask_model(stop);
  if (reply.end != ReplyEnd::too_long) return reply;
  log::info("loop", "asking again with room made", {{"after", reply.message.content}});
  if (!make_room(stop)) return std::nullopt;
  const TokenCounts before = reply.tokens;
  reply = ask_model(stop);
  if (reply.end == ReplyEnd::too_long) {
    fail(Code::device, "the model failed: " + reply.message.content);
  }
  reply.tokens += before;
  return reply;
}

// What is new is read once; where attempts may begin, the conversation is kept as it stands before
// the reply, which is all that differs between them.
Reply AgentLoop::ask_model(std::stop_token stop) {
  if (pending_.has_value()) return *std::exchange(pending_, std::nullopt);
  const Request request = make_request();
  try {
    const TokenCounts read = provider_->read(added_, stop);
    added_.clear();
    if (options_.stop_before_write) before_reply_ = provider_->fork("before");
    Reply reply = provider_->complete(request, stop);
    reply.tokens += read;
    if (parts_.tokens_left != nullptr) {
      *parts_.tokens_left -= reply.tokens.prefilled + reply.tokens.generated;
    }
    return reply;
  } catch (const Error& error) {  // the model's failure, told apart from our own
    if (error.code() == Code::cancelled) throw;
    fail(Code::device, std::string("the model failed: ") + error.what());
  }
}

Request AgentLoop::make_request() const {
  return runtime::make_request({parts_.profile, parts_.toolbox, parts_.workspace,
                                parts_.check_command, bool(parts_.checker)},
                               options_, state_, seen_);
}

// The check itself counts as reading: the harness runs it many times anyway.
bool AgentLoop::would_write(const Message& message) const {
  for (const ToolCall& call : message.calls) {
    const tools::Tool* tool = parts_.toolbox.find(call.name);
    if (tool == nullptr) continue;
    try {
      const Json arguments = parse_json(call.arguments, "arguments of " + call.name);
      tools::Toolbox::validate(*tool, arguments);
      const policies::Action action = tool->plan(arguments, parts_.workspace, state_);
      if (!action.argv.empty()) {
        if (json_string_or(arguments, "command", "") != parts_.check_command) return true;
      } else if (!action.writes.empty()) {
        return true;
      }
    } catch (const Error&) {
      // A call that cannot be planned writes nothing; run_tool tells the model what is wrong.
    }
  }
  return false;
}

// Calls in a row that only read run side by side; the others run one after the other.
std::optional<StopReason> AgentLoop::run_calls(const Message& message, std::stop_token stop) {
  if (message.calls.empty() && !message.content.empty()) return check(stop);
  bool is_finished = false;
  std::optional<Nudge> nudge;
  const std::span<const ToolCall> calls = message.calls;
  for (size_t begin = 0, end = 0; begin < calls.size(); begin = end) {
    const auto is_reading = [&](const ToolCall& call) {
      const tools::Tool* tool = parts_.toolbox.find(call.name);
      return tool != nullptr && tool->spec().is_reading;
    };
    end = begin + 1;
    while (is_reading(calls[begin]) && end < calls.size() && end - begin < kReadingMax &&
           is_reading(calls[end])) {
      ++end;
    }
    if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
    for (const Step& step : run_steps(calls.subspan(begin, end - begin), stop)) {
      const auto found = finish_step(step);
      if (found) nudge = found;
      is_finished = is_finished || (step.result.finished && !step.result.is_error);
    }
  }
  if (commands_.is_any_running()) open_turn_ = changing_turn_;
  if (is_finished) return check(stop);
  if (tell(nudge)) return StopReason::stuck;
  return std::nullopt;
}

// What a step did goes to the log and to the model.
std::optional<Nudge> AgentLoop::finish_step(const Step& step) {
  const ToolCall& call = step.call;
  const tools::ToolResult& result = step.result;
  seen_.has_suggestions = seen_.has_suggestions || call.name == "suggest_edits";
  parts_.session.append_unsynced(
      ToolFinished{call.id, call.name, result.is_error, result.exit_code, result.diff, step.ms,
                   tool_state_to_json(state_, seen_)},
      options_.attempt);
  const std::string text = shown_output(call, to_utf8(result.text));
  record({Role::tool, text, {}, call.id, false, result.is_untrusted});
  if (result.finished) return std::nullopt;  // the check answers it
  return stuck_.after_call(call.name, call.arguments, text, result.is_error);
}

std::vector<AgentLoop::Step> AgentLoop::run_steps(std::span<const ToolCall> calls,
                                                  std::stop_token stop) {
  std::vector<Step> steps;
  for (const ToolCall& call : calls) {
    steps.push_back(Step{call});
    decide(steps.back(), stop);
  }
  const std::stop_token stop_steps = parts_.stop_steps.stop_possible() ? parts_.stop_steps : stop;
  if (steps.size() == 1) {
    execute(steps.front(), state_, stop_steps);
  } else {
    {
      std::vector<std::jthread> threads;
      for (Step& step : steps) {
        step.state = state_;
        threads.emplace_back([&] { execute(step, step.state, stop_steps); });
      }
    }
    for (const Step& step : steps) {
      for (const auto& [path, hash] : step.state.read_hashes) state_.read_hashes[path] = hash;
    }
  }
  for (const Step& step : steps) {
    if (step.cancelled) std::rethrow_exception(step.cancelled);
  }
  return steps;
}

// What a file holds can be read again, and a narrow model knows nothing of kept output.
std::string AgentLoop::shown_output(const ToolCall& call, const std::string& text) const {
  const size_t bytes_max = size_t(options_.tool_output_bytes);
  if (is_narrow() || call.name == "read_file") return head_and_tail(text, bytes_max);
  return keep_long_output(outputs_folder(), call.id, text, bytes_max);
}

// What commands changed while they ran on belongs to the last turn that changed anything.
void AgentLoop::end_commands() {
  commands_.end_all();
  if (open_turn_ != 0 && parts_.after_change) parts_.after_change(open_turn_, false);
  open_turn_ = 0;
}

Json AgentLoop::told_of(const Step& step) const {
  return {{"session", parts_.session.id()},
          {"turn", turns_},
          {"attempt", options_.attempt},
          {"arguments", step.arguments}};
}

// This and execute() are where an exception becomes an answer for the model.
void AgentLoop::decide(Step& step, std::stop_token stop) try {
  const ToolCall& call = step.call;
  const tools::Tool* tool = parts_.toolbox.find(call.name);
  if (tool == nullptr) {
    std::string known;
    for (const auto& each : parts_.toolbox.tools()) known += " " + each->spec().name;
    fail(Code::not_found, "no such tool: " + call.name + "; there are:" + known);
  }
  step.arguments = parse_json(call.arguments, "arguments of " + call.name);
  tools::Toolbox::validate(*tool, step.arguments);
  step.action = tool->plan(step.arguments, parts_.workspace, state_);
  step.action.before = before_;
  const policies::Decision decision = parts_.policy.decide(step.action);
  bool is_allowed = decision.verdict == policies::Verdict::allow;
  std::string reason = decision.reason;
  if (decision.verdict == policies::Verdict::ask && parts_.approve) {
    is_allowed = parts_.approve(step.action, reason);
    reason = (is_allowed ? "a person allowed it: " : "a person refused it: ") + reason;
  }
  if (is_allowed && parts_.hooks != nullptr) {
    const auto refusal = parts_.hooks->tell(HookEvent::before_tool, call.name, told_of(step),
                                            parts_.workspace, false, stop);
    is_allowed = !refusal.has_value();
    if (refusal) reason = "a hook refused it: " + *refusal;
  }
  parts_.session.append_unsynced(ActionDecided{call.id, call.name, action_json(step.action),
                                               is_allowed ? "allow" : "deny", reason},
                                 options_.attempt);
  // Reading in the workspace leaves no trace.
  if (!tool->spec().is_reading || !step.action.hosts.empty()) parts_.session.sync();
  if (!is_allowed) {
    was_denied_ = true;
    step.result = error_result("denied: " + reason);
    return;
  }
  count(step.action, before_);
  if (decision.verdict == policies::Verdict::allow) step.restriction = decision.reason;
  step.profile = show_at(decision.profile, parts_.workspace.root(), parts_.workspace.shown_as());
  if (!is_narrow()) {
    step.profile.read_roots.push_back(outputs_folder());
    step.profile.environment.push_back("CORVID_OUTPUTS=" + outputs_folder().string());
  }
  step.tool = tool;
} catch (const Error& error) {
  if (error.code() == Code::cancelled) throw;
  step.result = error_result(error.what());
} catch (const std::exception& error) {  // the standard library or a third party
  step.result = error_result(error.what());
}

// Reading steps run beside one another and touch nothing of the loop but what they are given.
void AgentLoop::execute(Step& step, tools::ToolState& state, std::stop_token stop) try {
  if (step.tool == nullptr) return;  // answered already
  const auto begin = std::chrono::steady_clock::now();
  const policies::Action& action = step.action;
  const bool changes = !action.writes.empty() || !action.argv.empty();
  if (changes && parts_.before_change) parts_.before_change(turns_);
  if (changes) {
    open_turn_ = 0;
    changing_turn_ = turns_;
  }
  tools::ToolContext context{.workspace = parts_.workspace,
                             .sandbox = parts_.sandbox,
                             .profile = step.profile,
                             .memory = parts_.memory,
                             .state = state,
                             .evidence = [this]() -> const tools::Evidence& {
                               return parts_.evidence(before_.has_untrusted);
                             },
                             .edit_ranker = parts_.edit_ranker,
                             .rank_edits = parts_.rank_edits,
                             .edit_ranking = parts_.edit_ranking,
                             .seed = options_.seed,
                             .check_command = parts_.check_command,
                             .output_bytes_max = options_.tool_output_bytes,
                             .commands = is_narrow() ? nullptr : &commands_,
                             .output_folder = is_narrow() ? "" : outputs_folder(),
                             .call_id = step.call.id,
                             .session = parts_.session.id(),
                             .stop = stop,
                             .ask = parts_.ask};
  step.result = step.tool->run(step.arguments, context);
  step.ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::steady_clock::now() - begin)
                .count();
  if (policies::prints_web_text(action, step.profile)) step.result.is_untrusted = true;
  const bool went_wrong = step.result.is_error || step.result.exit_code != 0;
  if (went_wrong && !step.restriction.empty()) step.result.text += "\n[" + step.restriction + "]";
  if (parts_.hooks != nullptr) {
    Json told = told_of(step);
    told["is_error"] = step.result.is_error;
    told["exit_code"] = step.result.exit_code;
    told["diff"] = to_utf8(step.result.diff);
    told["output"] = head_and_tail(to_utf8(step.result.text), kHookOutputBytes);
    const auto said = parts_.hooks->tell(HookEvent::after_tool, step.call.name, std::move(told),
                                         parts_.workspace, changes, stop);
    if (said && !is_narrow()) step.result.text += "\n[a hook: " + *said + "]";
  }
  if (changes && parts_.after_change) {
    const std::string note = parts_.after_change(turns_, commands_.is_any_running());
    if (!note.empty() && !is_narrow()) step.result.text += "\n[" + note + "]";
  }
  if (!action.writes.empty()) {
    seen_.check_is_known = false;
    seen_.edit_is_unchecked = true;
  }
  if (!action.argv.empty()) {
    seen_.check_is_known = json_string_or(step.arguments, "command", "") == parts_.check_command;
  }
} catch (const Error& error) {
  step.result = error_result(error.what());
  if (error.code() == Code::cancelled) step.cancelled = std::current_exception();
} catch (const std::exception& error) {  // the standard library or a third party
  step.result = error_result(error.what());
}

std::optional<StopReason> AgentLoop::check(std::stop_token stop) {
  end_commands();
  if (!parts_.checker) return StopReason::done;
  parts_.session.sync();
  last_check_ = parts_.checker().verify(parts_.workspace, before_.has_untrusted, stop,
                                       options_.check_time_max);
  seen_.edit_is_unchecked = false;
  seen_.check_is_known = true;
  parts_.session.append(last_check_->run, options_.attempt);
  if (last_check_->originals.has_value()) {
    parts_.session.append(*last_check_->originals, options_.attempt);
  }
  if (last_check_->status == CheckStatus::verified) return StopReason::verified;
  if (last_check_->status == CheckStatus::unverified) return StopReason::unverified;
  if (!why_check_cannot_run(last_check_->run, is_narrow()).empty()) return StopReason::check_failed;
  if (++failed_checks_ >= options_.checks_max) return StopReason::check_failed;
  const std::string text = "The check fails (exit code " +
                           std::to_string(last_check_->run.exit_code) + ").\n" +
                           last_check_->run.output;
  note(head_and_tail(text, size_t(options_.tool_output_bytes)));
  return std::nullopt;
}

std::string tool_state_to_json(const tools::ToolState& state, const Seen& seen) {
  Json json = {{"read", state.read_hashes}, {"tried", state.tried}, {"applied", state.applied}};
  if (state.command_count > 0) json["commands"] = state.command_count;
  if (seen.edit_is_unchecked) json["unchecked"] = true;
  if (seen.has_suggestions) json["suggested"] = true;
  if (seen.check_is_known) json["check_known"] = true;
  for (const tools::PlanStep& step : state.plan) json["plan"].push_back({step.text, step.status});
  for (const tools::Choice& choice : state.choices) {
    const tools::EditCandidate& edit = choice.edit;
    json["choices"].push_back(
        {choice.id, edit.path, edit.line, edit.old_text, edit.new_text, edit.kind, edit.score});
  }
  return dump_json(json);
}

tools::ToolState tool_state_from_json(std::string_view text) {
  tools::ToolState state;
  if (text.empty()) return state;
  const Json json = parse_json(text, "tool state");
  state.read_hashes = json.value("read", std::map<std::string, std::string>{});
  state.tried = json.value("tried", std::set<std::string>{});
  state.applied = json_string_or(json, "applied", "");
  state.command_count = int(json_int_or(json, "commands", 0));
  if (json.contains("plan")) {
    for (const Json& step : json.at("plan")) state.plan.push_back({step.at(0), step.at(1)});
  }
  if (json.contains("choices")) {
    for (const Json& item : json.at("choices")) {
      state.choices.push_back({item.at(0),
                               {.path = item.at(1),
                                .line = item.at(2),
                                .old_text = item.at(3),
                                .new_text = item.at(4),
                                .kind = item.at(5),
                                .score = item.at(6)}});
    }
  }
  return state;
}

Seen seen_from_json(std::string_view text) {
  if (text.empty()) return {};
  const Json json = parse_json(text, "tool state");
  return {json_bool_or(json, "unchecked", false), json_bool_or(json, "suggested", false),
          json_bool_or(json, "check_known", false)};
}

}  // namespace corvid::runtime
