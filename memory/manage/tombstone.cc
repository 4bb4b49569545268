#include "memory/manage/tombstone.h"

#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kOwnTextBytesMin = 32;  // shorter texts are said by many

std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  }
  return bytes;
}

}  // namespace

std::string hmac_sha256_hex(std::string_view key, std::string_view message) {
  std::string block = key.size() > kBlockBytes ? from_hex(sha256_hex(key)) : std::string(key);
  block.resize(kBlockBytes, '\0');
  std::string inner = block;
  std::string outer = block;
  for (size_t i = 0; i < kBlockBytes; ++i) {
    inner[i] = static_cast<char>(inner[i] ^ 0x36);
    outer[i] = static_cast<char>(outer[i] ^ 0x5c);
  }
  return sha256_hex(outer + from_hex(sha256_hex(inner.append(message))));
}

std::string normal_form(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (is_blank) {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return std::string(trim(out));
}

std::string text_mac(std::string_view key, const Turn& turn) {
  const std::string text = normal_form(turn.text);
  if (text.size() >= kOwnTextBytesMin) return hmac_sha256_hex(key, "text" + text);
  return hmac_sha256_hex(key, "short" + turn.session + '\0' + format_time(turn.said_at) + text);
}

std::vector<std::string> tombstone_macs(std::string_view key, const Turn& turn) {
  std::vector<std::string> macs;
  if (!turn.external_id.empty()) {
    macs.push_back(hmac_sha256_hex(key, "place" + turn.session + '\0' + turn.external_id));
  }
  macs.push_back(text_mac(key, turn));
  return macs;
}

bool was_forgotten(const Store& store, std::span<const ScopeId> scopes, std::string_view key,
                   const Turn& turn) {
  for (const std::string& mac : tombstone_macs(key, turn)) {
    for (const ScopeId scope : scopes) {
      if (store.has_tombstone(scope, mac)) return true;
    }
  }
  return false;
}

}  // namespace corvid::memory
