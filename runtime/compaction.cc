#include "runtime/compaction.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/output_files.h"

namespace corvid::runtime {
namespace {

constexpr size_t kOutputBytesMin = 600;  // shorter output is not worth leaving out
constexpr int kSummaryTokensMax = 1024;
constexpr std::string_view kLeftOut = "[output left out to make room";

constexpr const char* kAsk =
    "The conversation is about to be cut to fit your window. Write down what is needed to go on "
    "without it, in at most 400 words and without a tool call, under these headings: Goal; Done "
    "(files changed, and how); Found (paths, names, facts, decisions); Checks (commands and what "
    "they gave); Next.";

bool is_person(const Message& message) { return message.role == Role::user && !message.is_note; }

std::string left_out(const Message& message) {
  std::string text(kLeftOut);
  text += ": ";
  text += std::to_string(message.content.size());
  text += " bytes; read_file output:";
  text += message.call_id;
  text += " shows them]";
  return text;
}

// Messages at the end that fill a fifth of the window at most and begin with a reply; always with
// the last turn, of which the model has not seen the outputs.
int tail_count(const std::vector<Message>& messages, int64_t window) {
  int64_t tokens = 0;
  int kept = 0;
  for (int i = int(messages.size()) - 1; i >= 0; --i) {
    tokens += int64_t(bytes_of(messages[size_t(i)]) / 3);
    if (tokens > window / 5 && kept > 0) break;
    if (messages[size_t(i)].role == Role::assistant) kept = int(messages.size()) - i;
  }
  return kept;
}

// Calls whose output is worth leaving out, but for the last `tail` messages.
std::vector<std::string> large_outputs(const std::vector<Message>& messages, int tail) {
  std::vector<std::string> calls;
  for (size_t i = 0; i + size_t(tail) < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == Role::tool && message.content.size() >= kOutputBytesMin) {
      calls.push_back(message.call_id);
    }
  }
  return calls;
}

int64_t bytes_of(const std::vector<Message>& messages, const std::vector<std::string>& calls) {
  const std::set<std::string> wanted(calls.begin(), calls.end());
  int64_t bytes = 0;
  for (const Message& message : messages) {
    if (wanted.contains(message.call_id)) bytes += int64_t(message.content.size());
  }
  return bytes;
}

}  // namespace

std::vector<Message> compacted_messages(std::vector<Message> messages, const Compacted& event) {
  if (event.step == "outputs") {
    const std::set<std::string> calls(event.calls.begin(), event.calls.end());
    for (Message& message : messages) {
      if (message.role != Role::tool || !calls.contains(message.call_id)) continue;
      message.content = left_out(message);
    }
    return messages;
  }
  std::vector<Message> out;
  std::copy_if(messages.begin(), messages.end(), std::back_inserter(out), is_person);
  std::string note = "What happened before, in your own words:\n" + event.summary;
  if (!event.plan.empty()) note += "\n\nThe plan:\n" + event.plan;
  out.push_back({Role::user, note, {}, {}, true});
  const size_t kept = std::min(size_t(std::max(event.kept, 0)), messages.size());
  std::copy_if(messages.end() - std::ptrdiff_t(kept), messages.end(), std::back_inserter(out),
               [](const Message& message) { return !is_person(message); });
  return out;
}

struct Compactor::Task {
  Provider& provider;
  std::vector<Message> messages;  // all of the conversation
  std::vector<Message> added;     // those that the provider has not read
  std::string plan;
  ContextUse use;
  std::stop_token stop;
  bool is_asked = false;
  Room room = {};
};

int64_t Compactor::reserve(int64_t window) const {
  return std::min<int64_t>(reply_tokens_max_, window / 4);
}

bool Compactor::is_full(const ContextUse& use) const {
  return use.used + reserve(use.window) > use.window * 85 / 100;
}

bool Compactor::fits(const ContextUse& use) const {
  return use.used + reserve(use.window) / 4 < use.window;
}

Room Compactor::make_room(Provider& provider, std::span<const Message> added,
                          const tools::ToolState& state, std::stop_token stop, bool is_asked) {
  const ContextUse use = provider.context(added);
  if (!is_asked && (use.window <= 0 || !is_full(use))) return {};
  Task task{.provider = provider,
            .messages = session_messages(session_.events(), attempt_),
            .added = {added.begin(), added.end()},
            .plan = state.plan.empty() ? std::string() : plan_text(state),
            .use = use,
            .stop = stop,
            .is_asked = is_asked};
  if (is_asked) {
    if (!summarise(task)) leave_out(task, large_outputs(task.messages, 0));
    task.room.fits = task.use.window <= 0 || fits(task.use);
    return task.room;
  }
  const std::vector<std::string> old =
      large_outputs(task.messages, tail_count(task.messages, use.window));
  const int64_t without_old = use.used - bytes_of(task.messages, old) / 4;
  const bool is_side_too_large = use.used + use.window / 8 + 200 > use.window;
  if (without_old < use.window * 6 / 10) {
    leave_out(task, old);
  } else {
    // The summary is then made of what is left.
    if (is_side_too_large) leave_out(task, old);
    if (failures_ >= kFailuresMax || !summarise(task)) leave_out(task, old);
  }
  if (!fits(task.use)) leave_out(task, large_outputs(task.messages, 0));
  task.room.fits = fits(task.use);
  return task.room;
}

// Outputs that are left out already are no longer large.
void Compactor::leave_out(Task& task, std::vector<std::string> calls) {
  const std::vector<std::string> large = large_outputs(task.messages, 0);
  std::erase_if(calls, [&](const std::string& id) {
    return std::find(large.begin(), large.end(), id) == large.end();
  });
  if (calls.empty()) return;
  const std::set<std::string> wanted(calls.begin(), calls.end());
  for (const Message& message : task.messages) {
    if (message.role != Role::tool || !wanted.contains(message.call_id)) continue;
    keep_output(session_.folder() / kOutputsFolder, message.call_id, message.content);
  }
  Compacted event;
  event.step = "outputs";
  event.calls = std::move(calls);
  apply(task, std::move(event));
}

// False when the model gave none.
bool Compactor::summarise(Task& task) {
  Compacted event;
  event.step = "summary";
  // Between two tasks there is no output that the model has not seen.
  event.kept = task.is_asked ? 0 : tail_count(task.messages, task.use.window);
  event.plan = task.plan;
  try {
    const std::string name = task.provider.lineage() + ".s" + std::to_string(++summary_count_);
    const auto side = task.provider.fork(name);
    std::vector<Message> ask = task.added;
    ask.push_back({Role::user, kAsk, {}, {}, true});
    event.tokens = side->read(ask, task.stop);
    Request request;
    request.no_calls = true;
    const bool is_small = task.use.window > 0 && task.use.window < 8 * kSummaryTokensMax;
    request.tokens_max =
        is_small ? int(std::max<int64_t>(task.use.window / 8, 1)) : kSummaryTokensMax;
    const Reply reply = side->complete(request, task.stop);
    event.tokens += reply.tokens;
    if (reply.end != ReplyEnd::too_long) event.summary = trim(reply.message.content);
  } catch (const Error& error) {  // edge: a side request of the model; the run goes on without it
    if (error.code() == Code::cancelled) throw;
    log::warning("compaction", "the model gave no summary", {{"reason", error.what()}});
  }
  if (event.summary.empty()) {
    ++failures_;
    task.room.tokens += event.tokens;
    return false;
  }
  apply(task, std::move(event));
  failures_ = is_full(task.use) ? failures_ + 1 : 0;
  return true;
}

void Compactor::apply(Task& task, Compacted event) {
  event.reason = task.is_asked ? "asked" : "window";
  event.tokens_before = task.use.used;
  task.messages = compacted_messages(std::move(task.messages), event);
  const TokenCounts rebuilt = task.provider.restart(task.messages, task.stop);
  event.tokens += rebuilt;
  task.added.clear();
  task.use = task.provider.context({});
  event.tokens_after = task.use.used;
  task.room.tokens += event.tokens;
  task.room.is_changed = true;
  session_.append(std::move(event), attempt_);
}

}  // namespace corvid::runtime
