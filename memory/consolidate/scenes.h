#pragma once

#include <span>
#include <string>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

// Groups the cells of the scopes, in the order in which they were opened: a cell joins the likest
// scene of the last kSceneGapDays, by vectors or by shared words, else it begins one. Then scenes
// that have become alike are put together. Deterministic. Without `embedder` by words alone. The
// summary is a model's where one has told of a scene of just these cells.
std::vector<MemScene> find_scenes(const Store& store, std::span<const ScopeId> scopes,
                                  const std::string& embedder);

inline constexpr int kSceneGapDays = 14;
inline constexpr size_t kSceneCellsMax = 50;

}  // namespace corvid::memory
