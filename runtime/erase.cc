#include "runtime/erase.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/snapshot.h"
#include "runtime/session.h"
#include "runtime/workspace_history.h"

namespace corvid::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kForgotten = "[forgotten]";

bool replace_all(std::string& text, const std::string& what) {
  bool found = false;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += kForgotten.size()) {
    text.replace(at, what.size(), kForgotten);
    found = true;
  }
  return found;
}

// Every string beneath `json`, also JSON text that stands in a string (options, results).
bool erase_strings(Json& json, const std::vector<std::string>& texts) {
  bool found = false;
  if (json.is_string()) {
    std::string value = json.get<std::string>();
    for (const std::string& text : texts) found = replace_all(value, text) || found;
    const Json inner = value.starts_with('{') || value.starts_with('[')
                           ? Json::parse(value, nullptr, false)
                           : Json();
    if (inner.is_structured()) {
      Json changed = inner;
      if (erase_strings(changed, texts)) {
        value = dump_json(changed);
        found = true;
      }
    }
    if (found) json = value;
  } else if (json.is_structured()) {
    for (Json& item : json) found = erase_strings(item, texts) || found;
  }
  return found;
}

bool erase_from_log(const fs::path& log, const std::vector<std::string>& texts) {
  const std::string content = read_file(log);
  std::string rewritten;
  bool found = false;
  for (const std::string_view line : split_lines(content)) {
    Json json = Json::parse(line, nullptr, false);
    if (json.is_discarded() || !erase_strings(json, texts)) {
      rewritten.append(line);
    } else {
      rewritten += dump_json(json);
      found = true;
    }
    rewritten += '\n';
  }
  if (found) write_file_atomic(log, rewritten);
  return found;
}

void name_snapshots(const Paths& paths, const fs::path& log, const std::vector<std::string>& texts,
                    Erased& erased) {
  const std::vector<Event> events = read_events(log);
  const auto start = session_start(events);
  if (!start.has_value() || !fs::exists(snapshot_folder(paths, start->workspace))) return;
  const SnapshotStore store(snapshot_folder(paths, start->workspace), start->workspace);
  for (const std::string& tree : {start_tree(events), last_tree(events)}) {
    if (tree.empty()) continue;
    for (const auto& [path, entry] : store.load(tree).files) {
      const std::string content = store.content(entry);
      for (const std::string& text : texts) {
        if (content.find(text) == std::string::npos) continue;
        const std::string name =
            start->workspace + "/" + path + " (workspace snapshot " + tree.substr(0, 12) + ")";
        if (std::find(erased.remaining.begin(), erased.remaining.end(), name) ==
            erased.remaining.end()) {
          erased.remaining.push_back(name);
        }
      }
    }
  }
}

}  // namespace

Erased erase_from_sessions(const Paths& paths, const std::vector<std::string>& texts) {
  std::vector<std::string> wanted;
  for (const std::string& text : texts) {
    if (!trim(text).empty()) wanted.push_back(text);
  }
  // Longest first, so that a text that contains another goes as a whole.
  std::sort(wanted.begin(), wanted.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  Erased erased;
  if (wanted.empty() || !fs::exists(paths.sessions())) return erased;
  for (const auto& entry : fs::directory_iterator(paths.sessions())) {
    const fs::path log = entry.path() / "events.jsonl";
    if (!fs::exists(log)) continue;
    const std::string id = entry.path().filename().string();
    const FileLock lock(entry.path() / "lock", "session " + id + " is in use: stop it first");
    name_snapshots(paths, log, wanted, erased);
    if (!erase_from_log(log, wanted)) continue;
    erased.files.push_back(log.string());
    for (const fs::path& cache : {entry.path() / "tokens.jsonl", paths.state() / (id + ".state")}) {
      if (fs::remove(cache)) erased.files.push_back(cache.string());
    }
  }
  return erased;
}

}  // namespace corvid::runtime
