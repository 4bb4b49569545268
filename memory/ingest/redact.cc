#include "memory/ingest/redact.h"

#include <algorithm>
#include <optional>

#include "memory/ingest/secret_shapes.h"

namespace corvid::memory {
namespace {

constexpr size_t kKeyBytesMax = 64;
constexpr size_t kValueBytesMax = 4096;
constexpr size_t kKeyBlockBytesMax = 16 * 1024;
constexpr size_t kKeyBodyBytesMin = 32;

struct Span {
  size_t from = 0;
  size_t to = 0;
  std::string_view kind;
};

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_key_char(char c) { return is_alnum(c) || c == '_' || c == '-'; }
bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_break(char c) { return c == '\n' || c == '\r' || c == '\0'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // The secret that starts at `at`, or that a key name starting at `at` announces.
  std::optional<Span> secret_at(size_t at) const {
    if (text_[at] == '-') return key_block(at);
    if (text_[at] == ':') return url_password(at);
    const bool is_start = at == 0 || !is_key_char(text_[at - 1]) || text_[at - 1] == '-';
    if (!is_start || !is_alnum(text_[at])) return std::nullopt;
    if (auto span = prefixed(at)) return span;
    if (at > 0 && text_[at - 1] == '-') return std::nullopt;
    if (auto span = web_token(at)) return span;
    if (auto span = bot_token(at)) return span;
    if (auto span = authorization(at)) return span;
    return assignment(at);
  }

 private:
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }
  size_t skip_blanks(size_t i) const {
    while (is_blank(at(i))) ++i;
    return i;
  }
  size_t skip_run(size_t i, bool (*belongs)(char)) const {
    const size_t end = std::min(text_.size(), i + kValueBytesMax);
    while (i < end && belongs(text_[i])) ++i;
    return i;
  }

  std::optional<Span> key_block(size_t from) const;
  std::optional<Span> url_password(size_t colon) const;
  std::optional<Span> prefixed(size_t from) const;
  std::optional<Span> web_token(size_t from) const;
  std::optional<Span> bot_token(size_t from) const;
  std::optional<Span> authorization(size_t from) const;
  std::optional<Span> assignment(size_t from) const;
  std::optional<Span> value(size_t from, SecretName name, std::string_view key,
                            bool is_tight) const;
  std::optional<Span> spoken(size_t from, SecretName name) const;

  std::string_view text_;
};

// "-----BEGIN ... PRIVATE KEY-----" with its body and end line; a body without an end counts as far
// as it is base64.
std::optional<Span> Scanner::key_block(size_t from) const {
  const std::string_view rest = text_.substr(from, kKeyBlockBytesMax);
  if (!rest.starts_with("-----BEGIN ")) return std::nullopt;
  const size_t dashes = rest.find("-----", 11);
  if (dashes == std::string_view::npos || dashes > 100) return std::nullopt;
  if (rest.substr(0, dashes).find("PRIVATE KEY") == std::string_view::npos) return std::nullopt;
  const size_t body = dashes + 5;
  const size_t end = rest.find("-----END ");
  if (end != std::string_view::npos && end - body >= kKeyBodyBytesMin) {
    const size_t close = rest.find("-----", end + 9);
    const size_t size = close == std::string_view::npos ? end : close + 5;
    return Span{from, from + size, "private_key"};
  }
  size_t size = body;
  while (size < rest.size() && (is_token_char(rest[size]) || is_break(rest[size]) ||
                                rest[size] == '\\')) {
    ++size;
  }
  if (size - body < kKeyBodyBytesMin) return std::nullopt;
  return Span{from, from + size, "private_key"};
}

// "://user:PASSWORD@", seen at the colon of "://".
std::optional<Span> Scanner::url_password(size_t colon) const {
  if (!text_.substr(colon).starts_with("://")) return std::nullopt;
  size_t from = 0;
  const size_t end = std::min(text_.size(), colon + 3 + 256);
  for (size_t i = colon + 3; i < end; ++i) {
    const char c = text_[i];
    if (c == '/' || is_blank(c) || is_break(c) || c == '"' || c == '\'' || c == '<') break;
    if (c == ':' && from == 0) from = i + 1;
    if (c != '@' || from == 0) continue;
    const std::string_view password = text_.substr(from, i - from);
    if (password.empty() || is_placeholder(password)) return std::nullopt;
    return Span{from, i, "url_password"};
  }
  return std::nullopt;
}

std::optional<Span> Scanner::prefixed(size_t from) const {
  const std::string_view rest = text_.substr(from);
  for (const SecretPrefix& shape : secret_prefixes()) {
    if (!rest.starts_with(shape.prefix)) continue;
    const size_t body = from + shape.prefix.size();
    const size_t end = skip_run(body, shape.belongs);
    const size_t length = end - body;
    if (length < shape.length_min || length > shape.length_max) continue;
    if (shape.needs_digit && !has_digit(text_.substr(body, length))) continue;
    return Span{from, end, shape.kind};
  }
  return std::nullopt;
}

// Three base64url parts; the first decodes to '{"...'.
std::optional<Span> Scanner::web_token(size_t from) const {
  if (!text_.substr(from).starts_with("eyJ")) return std::nullopt;
  size_t end = from;
  for (int part = 0; part < 3; ++part) {
    const size_t start = end;
    end = skip_run(start, is_base64url);
    if (end - start < 8) return std::nullopt;
    if (part < 2 && at(end++) != '.') return std::nullopt;
  }
  return Span{from, end, "web_token"};
}

// A bot's number, a colon and 35 characters, as Telegram gives them.
std::optional<Span> Scanner::bot_token(size_t from) const {
  const size_t colon = skip_run(from, [](char c) { return c >= '0' && c <= '9'; });
  if (colon - from < 8 || colon - from > 10 || at(colon) != ':') return std::nullopt;
  const size_t end = skip_run(colon + 1, is_base64url);
  const std::string_view rest = text_.substr(colon + 1, end - colon - 1);
  if (rest.size() != 35 || !is_random(rest)) return std::nullopt;
  return Span{from, end, "bot_token"};
}

// "Bearer X" and "Basic X".
std::optional<Span> Scanner::authorization(size_t from) const {
  const std::string_view rest = text_.substr(from);
  const bool is_bearer = starts_with_word(rest, "bearer");
  if (!is_bearer && !starts_with_word(rest, "basic")) return std::nullopt;
  const size_t start = from + (is_bearer ? 6 : 5) + 1;
  if (!is_blank(at(start - 1))) return std::nullopt;
  const size_t end = skip_run(start, is_token_char);
  const std::string_view token = text_.substr(start, end - start);
  if (token.size() < 16 || !is_random(token)) return std::nullopt;
  return Span{start, end, "authorization"};
}

std::optional<Span> Scanner::assignment(size_t from) const {
  size_t end = from;
  while (end < text_.size() && end - from <= kKeyBytesMax && is_key_char(text_[end])) ++end;
  const std::string_view key = text_.substr(from, end - from);
  const SecretName name = name_of_secret(key);
  if (name == SecretName::none) return std::nullopt;
  size_t i = end;
  while (at(i) == '\\') ++i;               // JSON inside of JSON
  if (at(i) == '"' || at(i) == '\'') ++i;  // a quoted key
  if (at(i) == ']') ++i;                   // config["password"] = ...
  const size_t operator_at = skip_blanks(i);
  size_t start = operator_at;
  if (at(start) == ':' && at(start + 1) == '=') {
    start += 2;
  } else if (at(start) == '=' && at(start + 1) == '>') {
    start += 2;
  } else if ((at(start) == '=' && at(start + 1) != '=') ||
             (at(start) == ':' && at(start + 1) != ':')) {
    start += 1;
  } else {
    return spoken(end, name);
  }
  const size_t value_at = skip_blanks(start);
  const bool is_tight = operator_at == end && value_at == start && text_[operator_at] == '=';
  return value(value_at, name, key, is_tight);
}

// The value of a key. `is_tight`: written KEY=VALUE, without blanks.
std::optional<Span> Scanner::value(size_t from, SecretName name, std::string_view key,
                                   bool is_tight) const {
  size_t start = from;
  while (at(start) == '\\') ++start;
  const char quote = at(start);
  const bool is_quoted = quote == '"' || quote == '\'' || quote == '`';
  if (is_quoted) ++start;
  size_t end = start;
  const size_t limit = std::min(text_.size(), start + kValueBytesMax);
  while (end < limit && !is_break(text_[end]) && text_[end] != '\\') {
    const char c = text_[end];
    if (is_quoted ? c == quote : (is_blank(c) || c == '"' || c == '\'' || c == '`')) break;
    if (!is_quoted && (c == ',' || c == ';' || c == '&') && !is_tight) break;
    if (!is_quoted && c == '&') break;
    ++end;
  }
  while (!is_quoted && end > start && (text_[end - 1] == ',' || text_[end - 1] == ';' ||
                                       text_[end - 1] == '.' || text_[end - 1] == ')')) {
    --end;
  }
  const std::string_view found = text_.substr(start, end - start);
  const ValueContext context{.name = name, .key = key, .is_quoted = is_quoted,
                             .is_tight = is_tight};
  if (!looks_secret(found, context)) return std::nullopt;
  return Span{start, end, kind_of(name)};
}

// "the password for staging is X1y2z3".
std::optional<Span> Scanner::spoken(size_t from, SecretName name) const {
  if (name == SecretName::token) return std::nullopt;
  size_t i = from;
  for (int word = 0; word < 6; ++word) {
    i = skip_blanks(i);
    const size_t start = i;
    while (is_alnum(at(i)) || at(i) == '-' || at(i) == '_') ++i;
    if (i == start) return std::nullopt;
    const std::string_view said = text_.substr(start, i - start);
    if (said != "is" && said != "was" && said != "to") continue;
    const size_t value_at = skip_blanks(at(i) == ':' ? i + 1 : i);
    const char quote = at(value_at);
    const bool is_quoted = quote == '"' || quote == '\'' || quote == '`';
    size_t begin = is_quoted ? value_at + 1 : value_at;
    size_t end = begin;
    while (end < text_.size() && !is_blank(text_[end]) && !is_break(text_[end]) &&
           (!is_quoted || text_[end] != quote)) {
      ++end;
    }
    while (end > begin && (text_[end - 1] == '.' || text_[end - 1] == ',')) --end;
    const std::string_view found = text_.substr(begin, end - begin);
    if (found.size() < 4 || is_placeholder(found)) return std::nullopt;
    if (!is_quoted && !(has_digit(found) && has_letter(found))) return std::nullopt;
    return Span{begin, end, kind_of(name)};
  }
  return std::nullopt;
}

}  // namespace

Redacted redact(std::string_view text) {
  const Scanner scanner(text);
  Redacted result;
  result.text.reserve(text.size());
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::optional<Span> span = scanner.secret_at(i);
    if (!span || span->from < done) continue;
    result.text.append(text, done, span->from - done);
    result.text.append("[redacted:").append(span->kind).append("]");
    ++result.count;
    done = span->to;
    i = std::max(i, span->to - 1);
  }
  result.text.append(text, done);
  return result;
}

}  // namespace corvid::memory
