#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace corvid::memory {

// A kind of token that starts with a fixed text, as its issuer documents it.
struct SecretPrefix {
  std::string_view prefix;
  bool (*belongs)(char);  // characters of the rest
  size_t length_min;      // of the rest
  size_t length_max;
  bool needs_digit;
  std::string_view kind;
};
std::span<const SecretPrefix> secret_prefixes();

// What a key's name announces: "db_password" a password, "clientSecret" a secret, "token" a token,
// "sig" a signature, which is a token if it is long.
enum class SecretName { none, password, secret, token, signature };
SecretName name_of_secret(std::string_view key);
std::string_view kind_of(SecretName name);

struct ValueContext {
  SecretName name = SecretName::none;
  std::string_view key;
  bool is_quoted = false;
  bool is_tight = false;  // KEY=VALUE without blanks
};

// Is the value of a key so named a secret, rather than code, a placeholder or a word?
bool looks_secret(std::string_view value, const ValueContext& context);

bool is_placeholder(std::string_view value);  // "<password>", "${TOKEN}", "****", "changeme", ...
bool is_random(std::string_view value);       // letters and digits without a pattern
bool has_digit(std::string_view text);
bool has_letter(std::string_view text);
bool is_base64url(char c);
bool is_token_char(char c);
bool starts_with_word(std::string_view text, std::string_view word);  // letter case ignored

}  // namespace corvid::memory
