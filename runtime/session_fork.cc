#include "runtime/session_fork.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/session.h"
#include "runtime/snapshot.h"
#include "runtime/state_cache.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

std::vector<Event> events_before(std::vector<Event> events, int turn) {
  const auto is_turn = [&](const Event& event) {
    const auto* ended = std::get_if<TurnEnded>(&event.body);
    return ended != nullptr && event.attempt < 0 && ended->turn >= turn;
  };
  const auto cut = std::find_if(events.begin(), events.end(), is_turn);
  if (cut == events.end()) {
    fail(Code::invalid, "the session has no turn " + std::to_string(turn) +
                            "; 'corvid sessions show --json' numbers them");
  }
  events.erase(cut, events.end());
  return events;
}

void copy_if_there(const fs::path& from, const fs::path& to) {
  if (fs::exists(from)) fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace

std::string fork_session(const Paths& paths, const std::string& id, std::optional<int> turn) {
  const fs::path folder = paths.sessions() / id;
  std::vector<Event> events = standing_events(read_events(folder / "events.jsonl"));
  if (turn.has_value()) events = events_before(std::move(events), *turn);
  const std::optional<SessionStarted> start = session_start(events);
  if (!start.has_value()) fail(Code::invalid, "session " + id + " ended before it began");

  Time now = system_now();
  const auto fork = Session::create(paths.sessions(), [&now] { return now; });
  // The log comes last: without it the folder is no session.
  const fs::path copy = fork->folder();
  copy_if_there(folder / kOutputsFolder, copy / kOutputsFolder);
  for (const EvaluatedTokens& evaluated : read_token_log(folder)) fork->append_tokens(evaluated);
  copy_if_there(state_path(paths.state(), id), state_path(paths.state(), fork->id()));
  SnapshotStore store(snapshot_folder(paths, start->workspace), start->workspace);
  for (Event& event : events) {
    now = event.at;
    if (auto* started = std::get_if<SessionStarted>(&event.body)) {
      started->id = fork->id();
      started->forked_from = id;
    }
    if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) {
      store.pin(taken->tree, fork->id() + "/" + taken->tree.substr(0, 12));
    }
    fork->append(std::move(event.body), event.attempt);
  }
  return fork->id();
}

}  // namespace corvid::runtime
