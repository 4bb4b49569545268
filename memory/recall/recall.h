#pragma once

#include <map>
#include <mutex>
#include <string_view>

#include "memory/memory.h"
#include "memory/recall/corpus.h"
#include "memory/recall/vectors.h"
#include "memory/store.h"

namespace corvid::memory {

// Answers questions from a store. Keeps one Corpus for each combination of scopes asked for.
// Thread-safe.
class Recaller {
 public:
  Recaller(const Store& store, const Ports& ports);

  Recall recall(std::string_view question, const RecallOptions& options,
                const ScopeFilter& filter);

 private:
  struct View {
    Corpus corpus;
    Vectors vectors;
  };
  View& view_for(std::vector<ScopeId> scopes);

  const Store& store_;
  const Ports& ports_;
  std::mutex mutex_;
  std::map<std::vector<ScopeId>, View> views_;
};

}  // namespace corvid::memory
