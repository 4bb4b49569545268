#pragma once
// Forgetting beyond the memory store: session logs, token logs and model-state files.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "memory/types.h"
#include "runtime/paths.h"

namespace corvid::runtime {

struct Forgetting {
  std::string text{};                 // every occurrence, ASCII letter case ignored; empty: none
  std::string session{};              // the whole session; empty: none
  std::vector<memory::Turn> turns{};  // what memory forgets
  std::string workspace{};            // only sessions of this workspace; empty: of all
  // Whether runs in a workspace are told of `turns` by their memory; empty: all are.
  std::function<bool(const std::string& workspace)> is_told{};
};

struct Erased {
  std::vector<std::string> files;      // rewritten or removed
  std::vector<std::string> remaining;  // not Corvid's own to change: workspace snapshots and files
};

// Erases from Corvid's session logs. What is erased reads "[forgotten]"; only contents are touched
// (messages, arguments, outputs, diffs, tasks), never what a log needs to be read.
//   * Of a forgotten turn: the event that it came from, the call's action, diff and result, the
//     recalled lines of it in any session, and its text and longer lines wherever they stand.
//   * Of `text`: every occurrence.
//   * Of `session`: its folder.
// A kept output (session.h) that holds any of it is removed.
// The token log and the state file of every session that held any of it are removed. Calling
// erase() again after a failure finishes what was begun.
class SessionEraser {
 public:
  SessionEraser(Paths paths, Forgetting what);
  ~SessionEraser();
  SessionEraser(const SessionEraser&) = delete;
  SessionEraser& operator=(const SessionEraser&) = delete;

  // Sessions that hold any of it, by id. Changes and locks nothing.
  std::vector<std::string> holding() const;

  // Takes the locks of the sessions until destruction. One that is in use is left alone when it
  // cannot write any of it: its log holds none, and its workspace's memory does not tell of the
  // turns. Otherwise throws denied, naming the session and what to do; nothing is erased then.
  void lock();

  // Needs lock(). Each file is replaced atomically.
  Erased erase();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::runtime
