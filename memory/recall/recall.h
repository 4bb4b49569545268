#pragma once

#include <future>
#include <map>
#include <mutex>
#include <stop_token>
#include <string_view>

#include "memory/memory.h"
#include "memory/recall/question.h"
#include "memory/recall/rank.h"
#include "memory/recall/signals.h"
#include "memory/recall/snapshot.h"
#include "memory/recall/vectors.h"
#include "memory/store.h"

namespace corvid::memory {

// Answers questions from a store. Keeps what it needs of the turns for each combination of scopes
// asked for; see snapshot.h for large ones. Thread-safe.
class Recaller {
 public:
  using OpenStore = std::function<std::unique_ptr<Store>()>;  // the same store once more

  Recaller(Store& store, const Ports& ports, OpenStore open_again);
  ~Recaller();

  // `besides`: further questions whose best turns stand beside those of the first.
  Recall recall(std::string_view question, const RecallOptions& options,
                const ScopeFilter& filter, std::span<const std::string> besides);

  // Makes the file from which the next process starts, if the store is large and it is due.
  void save(const ScopeFilter& filter);

 private:
  struct View {
    Kept kept;
    int64_t saved = 0;         // rows that came from a file
    int64_t tried = 0;         // rows when a file was last begun
    Similarity similarity{};   // of the last question
    Signals signals{};
  };
  View& view_for(const SnapshotOf& what);
  struct Bounds {
    int limit = 0;
    int64_t excluded = 0;  // a session key; 0: none
    Time until = Time::max();
  };
  Ranking rank(View& view, const Question& question, const Bounds& bounds,
               std::map<TurnId, Turn>& turns);
  void start_over(View& view, const SnapshotOf& what);
  void keep_file_new(View& view, const SnapshotOf& what);
  SnapshotOf named(std::vector<ScopeId> scopes) const {
    return {std::move(scopes), ports_.embed ? ports_.embedder : std::string()};
  }

  Store& store_;
  const Ports& ports_;
  OpenStore open_again_;
  std::mutex mutex_;
  std::map<std::vector<ScopeId>, View> views_;
  std::stop_source stop_;
  std::future<bool> saving_;  // at most one file at a time; after all that it uses
};

}  // namespace corvid::memory
