#include "runtime/replay.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/agent_loop.h"
#include "runtime/attempts.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/compaction.h"
#include "runtime/cut_off.h"
#include "runtime/mask_event.h"
#include "runtime/run_model.h"
#include "runtime/run_scratch.h"
#include "runtime/session.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

// A conversation on its way: the main one, or an attempt's.
struct Line {
  std::unique_ptr<Provider> provider;
  std::vector<Message> messages;  // all of it
  std::vector<Message> added;     // those that the provider has not read
  tools::ToolState state;
  Seen seen;
  LoopOptions options;
  std::optional<Reply> pending;  // made before the attempts began, by the one that takes it
  TurnEnded ended;               // the last that was recorded
};

using TokenLog = std::map<std::string, std::vector<int32_t>>;  // by lineage, as it stands

void add_tokens(const EvaluatedTokens& evaluated, TokenLog& log) {
  std::vector<int32_t>& tokens = log[evaluated.lineage];
  tokens.resize(std::min(size_t(std::max(evaluated.position, 0)), tokens.size()));
  tokens.insert(tokens.end(), evaluated.tokens.begin(), evaluated.tokens.end());
}

// As the log would give it back.
Message logged(const Message& message) {
  EventBody body = MessageAdded{message};
  mask_secrets(body);
  const Message& masked = std::get<MessageAdded>(body).message;
  return message_from_json(parse_json(dump_json(message_to_json(masked)), "message"));
}

bool is_same(const Message& a, const Message& b) {
  const auto is_same_call = [](const ToolCall& x, const ToolCall& y) {
    return x.name == y.name && x.arguments == y.arguments;
  };
  return a.content == b.content &&
         std::equal(a.calls.begin(), a.calls.end(), b.calls.begin(), b.calls.end(), is_same_call);
}

class Replay {
 public:
  Replay(const Paths& paths, std::string id, std::function<void(const ReplayedTurn&)> on_turn,
         std::stop_token stop)
      : paths_(paths),
        id_(std::move(id)),
        on_turn_(std::move(on_turn)),
        stop_(stop),
        scratch_(paths.scratch()),
        events_(standing_events(read_events(paths.sessions() / id_ / "events.jsonl"))) {}

  ReplayResult run() {
    for (size_t i = 0; i < events_.size(); ++i) {
      if (stop_.stop_requested()) fail(Code::cancelled, "cancelled");
      const Event& event = events_[i];
      if (event.attempt < 0) {
        follow_main(event);
      } else if (std::holds_alternative<AttemptStarted>(event.body)) {
        begin_attempt(i);
      } else if (const auto found = attempts_.find(event.attempt); found != attempts_.end()) {
        follow(found->second, event);
      }
    }
    compare_tokens();
    return result_;
  }

 private:
  void follow_main(const Event& event) {
    if (const auto* start = std::get_if<SessionStarted>(&event.body)) return begin(*start);
    if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) tree_ = taken->tree;
    if (std::holds_alternative<Resumed>(event.body)) end_attempts();
    if (main_.provider != nullptr) follow(main_, event);
  }

  void end_attempts() {
    attempts_.clear();
    fork_.reset();
    greedy_.reset();
    pending_.reset();
  }

  // A task. The model is opened anew where it is another one.
  void begin(const SessionStarted& start) {
    end_attempts();
    const std::string model = options_.model;
    options_ = options_from_json(parse_json(start.options, "options of session " + id_));
    start_ = start;
    main_.seen = {};
    if (main_.provider == nullptr || options_.model != model) open();
    if (profile_.calls_required) main_.state = {};
    main_.options = {};
    main_.options.tokens_max = options_.tokens_max;
    main_.options.seed = options_.seed;
    if (makes_attempts(options_, profile_)) main_.options.temperature = 0;
  }

  void open() {
    main_.provider = open_run_model(options_, paths_, [this](const EvaluatedTokens& evaluated) {
      add_tokens(evaluated, tokens_now_);
    });
    if (!main_.provider->is_repeatable()) {
      fail(Code::unsupported, "the replies of " + options_.model +
                                  " do not repeat: only models that run here can be replayed; "
                                  "'corvid sessions show' shows what was recorded");
    }
    profile_ = main_.provider->profile();
    toolbox_.emplace(start_.tools.empty() ? profile_.tools : start_.tools);
    begin_conversation(*main_.provider, *toolbox_, profile_, options_.instructions);
    main_.added.clear();
    if (!main_.messages.empty()) main_.provider->restore({}, main_.messages, {});
  }

  void follow(Line& line, const Event& event) {
    if (const auto* ended = std::get_if<TurnEnded>(&event.body)) {
      line.ended = *ended;
    } else if (const auto* finished = std::get_if<ToolFinished>(&event.body)) {
      if (finished->state.empty()) return;
      line.state = tool_state_from_json(finished->state);
      line.seen = seen_from_json(finished->state);
    } else if (const auto* check = std::get_if<CheckRan>(&event.body)) {
      note_check(*check, line.seen);
    } else if (const auto* cut = std::get_if<Compacted>(&event.body)) {
      line.messages = compacted_messages(std::move(line.messages), *cut);
      line.provider->restart(line.messages, stop_);
      line.added.clear();
    } else if (const auto* added = std::get_if<MessageAdded>(&event.body)) {
      line.messages.push_back(added->message);
      if (added->message.role != Role::assistant) {
        line.added.push_back(added->message);
      } else {
        compare(line, added->message, event.attempt);
      }
    }
  }

  Reply next_reply(Line& line) {
    if (line.pending.has_value()) return *std::exchange(line.pending, std::nullopt);
    const TokenCounts read = line.provider->read(line.added, stop_);
    line.added.clear();
    Reply reply = line.provider->complete(request_of(line), stop_);
    reply.tokens += read;
    return reply;
  }

  void compare(Line& line, const Message& recorded, int attempt) {
    const Reply reply = next_reply(line);
    ReplayedTurn turn{line.ended.turn, attempt,  line.ended.lineage, reply.tokens,
                      recorded,        logged(reply.message)};
    turn.is_same = is_same(turn.recorded, turn.now) &&
                   reply.tokens.generated == line.ended.tokens.generated;
    ++result_.turns;
    if (!turn.is_same) {
      ++result_.different;
      line.provider->restart(line.messages, stop_);
    }
    if (on_turn_) on_turn_(turn);
  }

  // The reply that would have written is made once; attempt 0 goes on with it, the others fork from
  // before it.
  void fork_for_attempts() {
    main_.provider->read(main_.added, stop_);
    main_.added.clear();
    fork_ = main_.provider->fork("before");
    pending_ = main_.provider->complete(request_of(main_), stop_);
    greedy_ = std::exchange(main_.provider, fork_->fork(main_.provider->lineage()));
  }

  void begin_attempt(size_t at) {
    if (main_.provider == nullptr) return;
    if (fork_ == nullptr) fork_for_attempts();
    const int index = events_[at].attempt;
    Line line;
    line.messages = main_.messages;
    line.state = main_.state;
    line.options = main_.options;
    line.options.temperature = 0;
    line.options.reserved_choices = size_t(index) + 1;
    if (size_t(index) < line.state.choices.size()) {
      line.options.first_choice = line.state.choices[size_t(index)].id;
    } else if (index > 0) {
      line.options.temperature = AttemptsOptions().sampled_temperature;
      line.options.seed = attempt_seed(options_.seed, index);
    }
    if (index == 0 && pending_.has_value()) {
      line.provider = std::move(greedy_);
      line.pending = std::exchange(pending_, std::nullopt);
    } else {
      line.provider = fork_->fork(lineage_of(at));
    }
    attempts_.insert_or_assign(index, std::move(line));
  }

  // Under which the attempt that begins at this event was recorded.
  std::string lineage_of(size_t at) const {
    for (size_t i = at + 1; i < events_.size(); ++i) {
      if (events_[i].attempt != events_[at].attempt) continue;
      if (std::holds_alternative<AttemptStarted>(events_[i].body)) break;
      const auto* ended = std::get_if<TurnEnded>(&events_[i].body);
      if (ended != nullptr) return ended->lineage;
    }
    return "main.a" + std::to_string(events_[at].attempt);
  }

  Request request_of(const Line& line) {
    const auto is_of_files = [](const auto& entry) { return entry.second.ends_with("files"); };
    const bool needs_files =
        !line.state.read_hashes.empty() ||
        std::any_of(profile_.offered.begin(), profile_.offered.end(), is_of_files);
    const fs::path folder = scratch_.path() / "replay";
    if (!needs_files || tree_.empty()) fs::create_directories(folder);
    if (needs_files && !tree_.empty() && tree_ != shown_tree_) {
      const SnapshotStore store(snapshot_folder(paths_, start_.workspace), start_.workspace);
      fs::remove_all(folder);
      fs::create_directories(folder);
      store.write_to(store.load(tree_), folder);
      shown_tree_ = tree_;
    }
    const tools::Workspace workspace(folder, start_.workspace);
    return make_request({profile_, *toolbox_, workspace, options_.verify, !options_.verify.empty()},
                        line.options, line.state, line.seen);
  }

  // What the log holds beyond was cut off before it was acted on.
  void compare_tokens() {
    TokenLog recorded;
    for (const EvaluatedTokens& evaluated : read_token_log(paths_.sessions() / id_)) {
      add_tokens(evaluated, recorded);
    }
    for (const auto& [lineage, now] : tokens_now_) {
      const std::vector<int32_t>& then = recorded[lineage];
      const size_t count = std::min(now.size(), then.size());
      const auto [first, unused] = std::mismatch(now.begin(), now.begin() + ptrdiff_t(count),
                                                 then.begin());
      const int64_t same = first - now.begin();
      result_.tokens += same;
      if (size_t(same) == count || !result_.lineage_that_differs.empty()) continue;
      result_.lineage_that_differs = lineage;
      result_.token_that_differs = same;
    }
  }

  const Paths& paths_;
  const std::string id_;
  const std::function<void(const ReplayedTurn&)> on_turn_;
  const std::stop_token stop_;
  const RunScratch scratch_;
  const std::vector<Event> events_;
  SessionStarted start_;
  RunOptions options_;
  ModelProfile profile_;
  std::optional<tools::Toolbox> toolbox_;
  Line main_;
  std::unique_ptr<Provider> fork_;    // before the reply that would write
  std::unique_ptr<Provider> greedy_;  // after it
  std::optional<Reply> pending_;      // that reply
  std::map<int, Line> attempts_;
  std::string tree_;        // the workspace as it was
  std::string shown_tree_;  // and as it stands in the scratch folder
  TokenLog tokens_now_;
  ReplayResult result_;
};

}  // namespace

ReplayResult replay_session(const Paths& paths, const std::string& id,
                            const std::function<void(const ReplayedTurn&)>& on_turn,
                            std::stop_token stop) {
  return Replay(paths, id, on_turn, stop).run();
}

}  // namespace corvid::runtime
