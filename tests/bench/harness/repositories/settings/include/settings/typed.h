#pragma once

#include <cstdint>
#include <string_view>

#include "settings/document.h"

namespace settings {

// The value as a number, or `otherwise` where there is none. Throws ParseError for a wrong one.
int64_t integer(const Document& document, std::string_view section, std::string_view key,
                int64_t otherwise);

// yes, true, on, 1 and their opposites, in any case.
bool flag(const Document& document, std::string_view section, std::string_view key, bool otherwise);

// "10 s", "5 min", "2 h" in seconds; a bare number is seconds.
int64_t seconds(const Document& document, std::string_view section, std::string_view key,
                int64_t otherwise);

}  // namespace settings
