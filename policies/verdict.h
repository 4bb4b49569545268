#pragma once

namespace corvid::policies {

enum class Verdict { deny, ask, allow };  // in a chain the smallest wins

}  // namespace corvid::policies
