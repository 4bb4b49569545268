#pragma once

#include <span>
#include <vector>

#include "memory/store.h"

namespace corvid::memory {

// The items of the scopes. A proposal that a turn of a user's tier states outright, besides those
// that it was made of, counts as confirmed; one that was said in one of `own`, the user's scopes:
// what others have promoted says nothing of this one.
std::vector<ProfileItem> profile_items(const Store& store, std::span<const ScopeId> scopes,
                                       std::span<const ScopeId> own);

// What a person says to a proposal. An approved fact becomes one of the user's tier; rejecting it
// later takes it back. Throws not_found for what lies in none of the `scopes`. One transaction.
void decide_item(Store& store, std::span<const ScopeId> scopes, ItemId id, bool approves, Time now);

}  // namespace corvid::memory
