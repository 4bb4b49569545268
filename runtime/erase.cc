#include "runtime/erase.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "memory/memory.h"
#include "runtime/base/check.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/erase_event.h"
#include "runtime/output_files.h"
#include "runtime/session.h"
#include "runtime/snapshot.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTreesMax = 2000;                       // looked at, per session
constexpr int64_t kSnapshotBytesMax = int64_t{4} << 30;  // looked at, in all
constexpr size_t kRemainingMax = 200;

struct Line {
  std::string raw;
  std::optional<Event> event;  // none: a damaged line
  bool is_torn = false;        // cut off by a crash: the next opening drops it
};

std::vector<Line> read_lines(const fs::path& log) {
  std::vector<Line> lines;
  if (!fs::exists(log)) return lines;
  const std::string content = read_file(log);
  for (const std::string_view raw : split_lines(content)) {
    Line line{std::string(raw), std::nullopt};
    try {
      line.event = event_from_line(raw);
    } catch (const Error&) {  // edge: one damaged line must not keep the others from being erased
    }
    lines.push_back(std::move(line));
  }
  if (!content.empty() && !content.ends_with('\n')) {
    lines.back().event.reset();
    lines.back().is_torn = true;
  }
  return lines;
}

std::vector<Event> events_of(const std::vector<Line>& lines) {
  std::vector<Event> events;
  for (const Line& line : lines) {
    if (line.event.has_value()) events.push_back(*line.event);
  }
  return events;
}

// The log without what `orders` name; nullopt: it holds nothing of it.
std::optional<std::string> rewritten(std::vector<Line> lines, const EraseOrders& orders) {
  std::string content;
  bool is_changed = false;
  for (Line& line : lines) {
    if (line.is_torn) {
      is_changed = orders.needles.are_in(line.raw) || is_changed;
      continue;
    }
    if (!line.event.has_value()) {
      is_changed = orders.needles.erase(line.raw) || is_changed;
    } else if (erase_from_event(*line.event, orders)) {
      line.raw = event_to_line(*line.event);
      is_changed = true;
    }
    content += line.raw + "\n";
  }
  if (!is_changed) return std::nullopt;
  return content;
}

std::set<std::string> trees_of(const std::vector<Event>& events) {
  std::set<std::string> trees;
  for (const Event& event : events) {
    if (const auto* taken = std::get_if<SnapshotTaken>(&event.body)) trees.insert(taken->tree);
    if (const auto* back = std::get_if<WorkspaceRestored>(&event.body)) trees.insert(back->tree);
    if (const auto* resumed = std::get_if<Resumed>(&event.body)) trees.insert(resumed->found_tree);
  }
  trees.erase("");
  return trees;
}

void raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct SessionEraser::Impl {
  Paths paths;
  Forgetting what;
  Needles text;
  EraseOrders shared;                                             // for every session
  std::map<std::string, std::vector<const memory::Turn*>> turns;  // by session
  std::vector<std::unique_ptr<FileLock>> locks;
  std::set<std::string> spared;  // sessions in use that have nothing to do with it
  bool is_locked = false;
  std::map<std::string, bool> blobs;  // does it hold what all sessions are searched for?
  std::set<std::string> named;        // files in `remaining`
  int64_t bytes_left = kSnapshotBytesMax;

  // Of a turn that was found by its text, the text is all that other places are searched for.
  bool is_found_by_text(std::string_view content) const { return text.are_in(content); }

  std::vector<fs::path> folders() const;
  EraseOrders orders_for(const std::string& id, const std::vector<Event>& events) const;
  void order_turn(const memory::Turn& turn, const std::vector<Event>& events,
                  EraseOrders& orders) const;
  void order_event(const Event& event, const std::vector<Event>& events, EraseOrders& orders) const;
  void name_snapshots(const std::vector<Event>& events, const EraseOrders& orders, bool has_own,
                      Erased& erased);
  void name_file(const SnapshotStore& store, const SessionStarted& start, const std::string& tree,
                 const Needles& needles, const std::pair<const std::string, SnapshotEntry>& file,
                 std::map<std::string, bool>& known, Erased& erased);
  void remove_caches(const fs::path& folder, Erased& erased) const;
  bool is_apart(const fs::path& folder) const;
};

std::vector<fs::path> SessionEraser::Impl::folders() const {
  std::vector<fs::path> found;
  if (!fs::exists(paths.sessions())) return found;
  for (const auto& entry : fs::directory_iterator(paths.sessions())) {
    if (!entry.is_directory() || entry.is_symlink()) continue;
    if (!what.workspace.empty()) {
      const auto start = session_start(events_of(read_lines(entry.path() / "events.jsonl")));
      if (start.has_value() && start->workspace != what.workspace) continue;
    }
    found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

EraseOrders SessionEraser::Impl::orders_for(const std::string& id,
                                            const std::vector<Event>& events) const {
  EraseOrders orders = shared;
  const auto own = turns.find(id);
  if (own == turns.end()) return orders;
  for (const memory::Turn* turn : own->second) order_turn(*turn, events, orders);
  return orders;
}

// A turn's id at its source is SESSION/SEQUENCE, or SESSION/result/TIME of how a run ended.
void SessionEraser::Impl::order_turn(const memory::Turn& turn, const std::vector<Event>& events,
                                     EraseOrders& orders) const {
  if (!is_found_by_text(turn.text)) orders.needles.add_lines(turn.text);
  constexpr std::string_view kResult = "result/";
  if (!turn.external_id.starts_with(turn.session + "/")) return;
  const std::string_view rest = std::string_view(turn.external_id).substr(turn.session.size() + 1);
  const Event* source = nullptr;
  if (rest.starts_with(kResult)) {
    for (const Event& event : events) {
      if (std::holds_alternative<RunEnded>(event.body) && event.at <= turn.said_at) source = &event;
    }
  } else {
    int64_t sequence = -1;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), sequence);
    if (error != std::errc() || end != rest.data() + rest.size()) return;
    for (const Event& event : events) {
      if (event.sequence == sequence) source = &event;
    }
  }
  if (source != nullptr) order_event(*source, events, orders);
}

// What the log says may be more than what memory kept: it leaves secrets out, and cuts.
void SessionEraser::Impl::order_event(const Event& event, const std::vector<Event>& events,
                                      EraseOrders& orders) const {
  orders.sequences.insert(event.sequence);
  if (const auto* ended = std::get_if<RunEnded>(&event.body)) {
    const Json json = try_parse_json(ended->result);
    if (!json.is_object()) return;
    for (const char* name : {"message", "diff"}) {
      const std::string part = json_string_or(json, name, "");
      if (!is_found_by_text(part)) orders.needles.add_lines(part);
    }
    return;
  }
  const auto* added = std::get_if<MessageAdded>(&event.body);
  if (added == nullptr) return;
  const Message& message = added->message;
  if (!is_found_by_text(message.content) &&
      message.content.find(memory::kRecallBegin) == std::string::npos) {
    orders.needles.add_lines(message.content);
  }
  if (!is_found_by_text(message.reasoning)) orders.needles.add_lines(message.reasoning);
  for (const ToolCall& call : message.calls) {
    orders.calls.insert(call.id);
    orders.call_results.insert(call.id);
  }
  if (message.role == Role::tool) orders.call_results.insert(message.call_id);
  const auto start = session_start(events);
  if (message.role == Role::user && start.has_value() && !trim(start->task).empty()) {
    orders.has_task = orders.has_task || message.content.starts_with(start->task);
  }
}

void SessionEraser::Impl::name_file(const SnapshotStore& store, const SessionStarted& start,
                                    const std::string& tree, const Needles& needles,
                                    const std::pair<const std::string, SnapshotEntry>& file,
                                    std::map<std::string, bool>& known, Erased& erased) {
  const auto& [path, entry] = file;
  const bool is_named_so = needles.are_in(path);
  auto held = known.find(entry.blob);
  if (held == known.end() && !is_named_so) {
    if (bytes_left <= 0) return;
    const std::string content = store.content(entry);
    bytes_left -= int64_t(content.size());
    held = known.emplace(entry.blob, needles.are_in(content)).first;
  }
  const fs::path there = fs::path(start.workspace) / path;
  if (!is_named_so && !held->second) return;
  if (!named.insert(there.string() + "\n" + entry.blob).second) return;
  if (erased.remaining.size() >= kRemainingMax) return;
  erased.remaining.push_back(there.string() + " (workspace snapshot " + tree.substr(0, 12) + ")");
  std::error_code ignored;
  if (!fs::is_regular_file(fs::symlink_status(there, ignored)) || !named.insert(there).second)
    return;
  if (is_named_so || needles.are_in(read_file(there))) {
    erased.remaining.push_back(there.string());
  }
}

void SessionEraser::Impl::name_snapshots(const std::vector<Event>& events,
                                         const EraseOrders& orders, bool has_own, Erased& erased) {
  const auto start = session_start(events);
  if (!start.has_value()) return;
  if (orders.needles.are_in(start->workspace) && named.insert(start->workspace).second) {
    erased.remaining.push_back(start->workspace + " (name of a workspace)");
  }
  const fs::path folder = snapshot_folder(paths, start->workspace);
  fs::remove(seen_place(folder));  // a cache that names files
  if (!fs::exists(folder)) return;
  const SnapshotStore store(folder, start->workspace);
  std::map<std::string, bool> own_blobs;
  size_t count = 0;
  for (const std::string& tree : trees_of(events)) {
    if (++count > kTreesMax || bytes_left <= 0) {
      erased.remaining.push_back(folder.string() + " (snapshots that were not looked at)");
      return;
    }
    try {
      for (const auto& file : store.load(tree).files) {
        name_file(store, *start, tree, orders.needles, file, has_own ? own_blobs : blobs, erased);
      }
    } catch (const Error&) {  // edge: a damaged snapshot must not keep the logs from being erased
      erased.remaining.push_back(folder.string() + " (snapshot " + tree.substr(0, 12) +
                                 " cannot be read)");
    }
  }
}

void SessionEraser::Impl::remove_caches(const fs::path& folder, Erased& erased) const {
  const std::string id = folder.filename().string();
  for (const fs::path& cache : {folder / "tokens.jsonl", paths.state() / (id + ".state")}) {
    if (fs::remove(cache)) erased.files.push_back(cache.string());
  }
}

SessionEraser::SessionEraser(Paths paths, Forgetting what) : impl_(std::make_unique<Impl>()) {
  impl_->paths = std::move(paths);
  impl_->what = std::move(what);
  const std::string& session = impl_->what.session;
  if (session.find('/') != std::string::npos || session == "." || session == "..") {
    impl_->what.session.clear();  // no name of a folder
  }
  impl_->text.add(impl_->what.text);
  impl_->shared.needles.add(impl_->what.text);
  for (const memory::Turn& turn : impl_->what.turns) {
    impl_->turns[turn.session].push_back(&turn);
    impl_->shared.recalled.insert("[" + memory::turn_name(turn.id) + " ");
    // What a tool said stands in many places of its own right.
    if (turn.role != "tool" && !impl_->is_found_by_text(turn.text)) {
      impl_->shared.needles.add_lines(turn.text);
    }
  }
}

SessionEraser::~SessionEraser() = default;

std::vector<std::string> SessionEraser::holding() const {
  std::vector<std::string> ids;
  for (const fs::path& folder : impl_->folders()) {
    const std::string id = folder.filename().string();
    const std::vector<Line> lines = read_lines(folder / "events.jsonl");
    const EraseOrders orders = impl_->orders_for(id, events_of(lines));
    if (id == impl_->what.session || rewritten(lines, orders).has_value() ||
        !outputs_with(folder, orders).empty()) {
      ids.push_back(id);
    }
  }
  return ids;
}

// A session in use whose log holds none of it and whose memory is another workspace's.
bool SessionEraser::Impl::is_apart(const fs::path& folder) const {
  const std::vector<Line> lines = read_lines(folder / "events.jsonl");
  const std::vector<Event> events = events_of(lines);
  const auto start = session_start(events);
  const std::string id = folder.filename().string();
  if (!start.has_value() || id == what.session) return false;
  if (!what.is_told || what.is_told(start->workspace)) return false;
  const EraseOrders orders = orders_for(id, events);
  return !rewritten(lines, orders).has_value() && outputs_with(folder, orders).empty();
}

void SessionEraser::lock() {
  raise_open_files_limit();
  for (const fs::path& folder : impl_->folders()) {
    const std::string id = folder.filename().string();
    try {
      impl_->locks.push_back(std::make_unique<FileLock>(folder / "lock", "in use"));
    } catch (const Error& error) {  // edge: a session in use may have nothing to do with it
      if (error.code() != Code::denied) throw;
      if (!impl_->is_apart(folder)) {
        const auto start = session_start(events_of(read_lines(folder / "events.jsonl")));
        fail(Code::denied,
             "session " + id + (start.has_value() ? " in " + start->workspace : std::string()) +
                 " is in use and could write it again, so nothing was erased: wait until that run "
                 "has ended or stop it (Ctrl-C there), then forget again");
      }
      impl_->spared.insert(id);
    }
  }
  impl_->is_locked = true;
}

Erased SessionEraser::erase() {
  CHECK(impl_->is_locked);
  Erased erased;
  for (const fs::path& folder : impl_->folders()) {
    const std::string id = folder.filename().string();
    if (impl_->spared.contains(id)) continue;
    const std::vector<Line> lines = read_lines(folder / "events.jsonl");
    const std::vector<Event> events = events_of(lines);
    const EraseOrders orders = impl_->orders_for(id, events);
    const bool has_own = impl_->turns.contains(id);
    impl_->name_snapshots(events, orders, has_own, erased);
    const auto content = rewritten(lines, orders);
    const bool is_whole = id == impl_->what.session;
    for (const fs::path& output : outputs_with(folder, orders)) {
      if (fs::remove(output)) erased.files.push_back(output.string());
    }
    // The log goes last: while it holds the text, a failed erasure is found again.
    if (is_whole || has_own || content.has_value()) impl_->remove_caches(folder, erased);
    if (is_whole) {
      erased.files.push_back(folder.string());
      fs::remove_all(folder);
    } else if (content.has_value()) {
      erased.files.push_back((folder / "events.jsonl").string());
      write_file_atomic(folder / "events.jsonl", *content);
    }
  }
  // Its folder may be gone since an erasure that failed later.
  const std::string& whole = impl_->what.session;
  if (!whole.empty()) impl_->remove_caches(impl_->paths.sessions() / whole, erased);
  return erased;
}

}  // namespace corvid::runtime
