#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/store.h"
#include "memory/types.h"

namespace corvid::memory {

// HMAC-SHA-256 (RFC 2104) of `message`, 64 hexadecimal digits.
std::string hmac_sha256_hex(std::string_view key, std::string_view message);

// A text without regard to letter case (ASCII) and to the kind and number of blanks in it.
std::string normal_form(std::string_view text);

// Codes by which a forgotten turn is known again without keeping its text: its place (session and
// external id), and its text without regard to letter case and blanks. A short text ("thanks!")
// counts only together with its session and time.
std::vector<std::string> tombstone_macs(std::string_view key, const Turn& turn);

// That of the text alone: other conversations have turns at the same place.
std::string text_mac(std::string_view key, const Turn& turn);

// Whether one of its codes is in one of the scopes.
bool was_forgotten(const Store& store, std::span<const ScopeId> scopes, std::string_view key,
                   const Turn& turn);

}  // namespace corvid::memory
