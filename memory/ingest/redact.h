#pragma once

#include <string>
#include <string_view>

namespace corvid::memory {

struct Redacted {
  std::string text;
  int count = 0;
};

// Replaces secrets by "[redacted:KIND]": private key blocks, tokens with a known prefix, JSON web
// tokens, credentials in URLs and Authorization headers, values of keys that are named like a
// secret and are shaped like one. Runs in linear time. Applied twice it changes nothing more.
Redacted redact(std::string_view text);

}  // namespace corvid::memory
