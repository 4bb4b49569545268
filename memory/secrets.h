#pragma once

#include <string>
#include <string_view>

namespace corvid::memory {

// What stands in front of the kind of a masked secret: "[redacted:password]".
inline constexpr std::string_view kSecretMark = "[redacted:";

// The text with what has a known shape of a secret masked: private key blocks, tokens with a known
// prefix, JSON web tokens, credentials in URLs and Authorization headers, values of keys that are
// named like a secret and are shaped like one. Linear time; applied twice it changes nothing more.
std::string mask_secrets(std::string_view text);

}  // namespace corvid::memory
