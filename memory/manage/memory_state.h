#pragma once

#include <algorithm>
#include <mutex>

#include "memory/ingest/settle.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/segment.h"
#include "memory/memory.h"
#include "memory/recall/recall.h"
#include "memory/store.h"

namespace corvid::memory {

inline constexpr int kCellsMax = 100'000;
inline constexpr int kVectorsAtOnce = 5'000;  // in one transaction
inline constexpr std::chrono::hours kVectorTimeAtOnce(1);  // then the next transaction
// Made when a store is opened; the rest comes with further openings and writes.
inline constexpr int kVectorsAtOpen = 2'000;
inline constexpr std::chrono::milliseconds kVectorTimeAtOpen(250);

// What a Memory is made of.
struct Memory::State {
  State(const MemoryConfig& given, Ports given_ports)
      : config(given),
        ports(std::move(given_ports)),
        store(make_store(given.location, given.durability, given.scope.tenant)),
        ingest(*store, ports, given.scope),
        recaller(*store, ports, [this] {
          return make_store(config.location, config.durability, config.scope.tenant);
        }) {
    if (store->lacks_facts()) store->write([this] { rebuild_facts(*store); });
    ingest.complete_vectors(kVectorsAtOpen, kVectorTimeAtOpen);
  }

  // All that is this user's, of whichever project. What is another's does not exist for this one.
  std::vector<ScopeId> own_scopes() const {
    return store->find_scopes({.scope = config.scope, .all_projects = true});
  }
  bool is_own(ScopeId scope) const {
    const std::vector<ScopeId> own = own_scopes();
    return std::ranges::find(own, scope) != own.end();
  }

  Time now() const { return ports.now ? ports.now() : system_now(); }

  // What was derived of an open cell so far is not stored; it is made when somebody looks.
  MemCell complete(MemCell cell) const {
    if (!cell.is_open) return cell;
    derive_cell(cell, current_turns(*store, cell));
    return cell;
  }

  MemoryConfig config;
  Ports ports;
  std::unique_ptr<Store> store;
  std::mutex ingest_mutex;
  Ingest ingest;  // under ingest_mutex
  Recaller recaller;
};

}  // namespace corvid::memory
