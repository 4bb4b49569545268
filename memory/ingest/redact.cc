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
constexpr size_t kKeyHeaderBytesMax = 160;

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

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Whether base64 text decodes to one with a colon, as "user:password" does.
bool holds_colon(std::string_view text) {
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                      : c >= 'a' && c <= 'z' ? c - 'a' + 26
                      : c >= '0' && c <= '9' ? c - '0' + 52
                      : c == '+' || c == '-' ? 62
                      : c == '/' || c == '_' ? 63
                                             : -1;
    if (value < 0) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    if ((bits >> count & 0xFF) == ':') return true;
  }
  return false;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // The secret that starts at `at`, or that a key name starting at `at` announces.
  std::optional<Span> secret_at(size_t at) const {
    if (text_[at] == '-') {
      if (auto span = key_block(at)) return span;
      return flag(at);
    }
    if (text_[at] == ':') return url_password(at);
    if (static_cast<unsigned char>(text_[at]) >= 0x80) return foreign(at);
    const bool is_start = at == 0 || !is_key_char(text_[at - 1]) || text_[at - 1] == '-';
    if (text_[at] == '_' && is_start) return assignment(at);
    if (!is_start || !is_alnum(text_[at])) return std::nullopt;
    if (auto span = prefixed(at)) return span;
    if (at > 0 && text_[at - 1] == '-') return std::nullopt;
    if (auto span = suffixed(at)) return span;
    if (auto span = password_line(at)) return span;
    if (auto span = putty_key(at)) return span;
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
  size_t skip_run(size_t i, bool (*belongs)(char), size_t bytes_max = kValueBytesMax) const {
    const size_t end = std::min(text_.size(), i + bytes_max);
    while (i < end && belongs(text_[i])) ++i;
    return i;
  }

  std::optional<Span> key_block(size_t from) const;
  std::optional<Span> putty_key(size_t from) const;
  std::optional<Span> flag(size_t dash) const;
  std::optional<Span> foreign(size_t from) const;
  std::optional<Span> suffixed(size_t from) const;
  std::optional<Span> password_line(size_t from) const;
  std::optional<Span> beside(size_t end, std::string_view key, SecretName name) const;
  std::string_view line_before(size_t at) const;
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
  while (size < rest.size()) {
    const bool is_body = is_token_char(rest[size]) || is_break(rest[size]) || rest[size] == '\\';
    // "Proc-Type: 4,ENCRYPTED" and the like stand before the body.
    const bool is_header = rest[size] == ':' || rest[size] == ' ' || rest[size] == ',';
    if (!is_body && !(is_header && size - body < kKeyHeaderBytesMax)) break;
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
    if (is_blank(c) || is_break(c) || c == '"' || c == '\'' || c == '<') break;
    // A host's port and path, not a password.
    const bool is_port = from > 0 && is_number(text_.substr(from, i - from));
    if (c == '/' && (from == 0 || is_port)) break;
    if (c == ':' && from == 0) from = i + 1;
    if (c != '@') continue;
    const size_t begin = from > 0 ? from : colon + 3;
    const std::string_view password = text_.substr(begin, i - begin);
    if (is_placeholder(text_.substr(colon + 3, i - colon - 3))) return std::nullopt;
    if (password.empty() || is_placeholder(password) || is_port) return std::nullopt;
    if (from == 0 && (password.size() < 16 || !is_random(password))) return std::nullopt;
    return Span{begin, i, "url_password"};
  }
  return std::nullopt;
}

std::optional<Span> Scanner::prefixed(size_t from) const {
  const std::string_view rest = text_.substr(from);
  for (const SecretPrefix& shape : secret_prefixes()) {
    if (!rest.starts_with(shape.prefix)) continue;
    const size_t body = from + shape.prefix.size();
    const size_t end = skip_run(body, shape.belongs, shape.length_max + 1);
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

// "Bearer X", "Basic X", "SSWS X", and "token X" in a header.
std::optional<Span> Scanner::authorization(size_t from) const {
  const std::string_view rest = text_.substr(from);
  for (const std::string_view scheme : {"bearer", "basic", "ssws", "token"}) {
    if (!starts_with_word(rest, scheme)) continue;
    if (scheme == "token" && !line_before(from).ends_with("uthorization: ")) continue;
    const size_t start = from + scheme.size() + 1;
    if (!is_blank(at(start - 1))) continue;
    const size_t end = skip_run(start, is_token_char);
    const std::string_view token = text_.substr(start, end - start);
    if (token.size() < 16 || !is_random(token)) continue;
    const bool is_word = std::ranges::all_of(token, is_alnum) && !holds_colon(token);
    if (scheme == "basic" && is_word && !line_before(from).ends_with("uthorization: ")) continue;
    return Span{start, end, "authorization"};
  }
  return std::nullopt;
}

// What stands before `at` on its line, as far as it matters.
std::string_view Scanner::line_before(size_t at) const {
  size_t from = at;
  while (from > 0 && at - from < 120 && !is_break(text_[from - 1])) --from;
  return text_.substr(from, at - from);
}

// "--password X", "-u USER:X" of curl, "-pX" of mysql.
std::optional<Span> Scanner::flag(size_t dash) const {
  if (dash > 0 && !is_blank(text_[dash - 1]) && text_[dash - 1] != '"') return std::nullopt;
  const auto word_at = [&](size_t start) {
    const char quote = at(start) == '"' || at(start) == '\'' ? at(start) : '\0';
    if (quote != '\0') ++start;
    size_t end = start;
    while (end < text_.size() && !is_break(text_[end]) && end - start < kValueBytesMax &&
           (quote != '\0' ? text_[end] != quote : !is_blank(text_[end]))) {
      ++end;
    }
    return Span{start, end, "password"};
  };
  const auto text_of = [&](const Span& span) {
    return text_.substr(span.from, span.to - span.from);
  };
  if (at(dash + 1) == '-') {
    size_t end = dash + 2;
    while (is_key_char(at(end)) && end - dash < kKeyBytesMax) ++end;
    const std::string_view key = text_.substr(dash + 2, end - dash - 2);
    const SecretName name = name_of_secret(key);
    if (name != SecretName::none && at(end) == '=') return value(end + 1, name, key, true);
    Span span = word_at(skip_blanks(end));
    if (name == SecretName::none || !is_blank(at(end)) || text_of(span).starts_with("-") ||
        !looks_secret(text_of(span), {.name = name, .key = key})) {
      return std::nullopt;
    }
    span.kind = kind_of(name);
    return span;
  }
  const std::string_view before = line_before(dash);
  if (at(dash + 1) == 'u' && is_blank(at(dash + 2)) &&
      before.find("curl") != std::string_view::npos) {
    Span span = word_at(skip_blanks(dash + 2));
    if (is_placeholder(text_of(span))) return std::nullopt;
    const size_t colon = text_of(span).find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    span.from += colon + 1;
    if (text_of(span).size() < 4 || is_placeholder(text_of(span))) return std::nullopt;
    return span;
  }
  if (at(dash + 1) == 'p' && before.find("mysql") != std::string_view::npos) {
    const Span span = word_at(dash + 2);
    if (text_of(span).size() >= 4 && !is_placeholder(text_of(span))) return span;
  }
  return std::nullopt;
}

// A password that other languages announce: "пароль: X".
std::optional<Span> Scanner::foreign(size_t from) const {
  constexpr std::string_view kWords[] = {
      "\u043f\u0430\u0440\u043e\u043b\u044c", "\u041f\u0430\u0440\u043e\u043b\u044c",
      "\u30d1\u30b9\u30ef\u30fc\u30c9",       "\u5bc6\u7801",
      "\u5bc6\u78bc",                         "\u00f1a",
      "\ube44\ubc00\ubc88\ud638"};
  const std::string_view rest = text_.substr(from);
  for (const std::string_view word : kWords) {
    if (!rest.starts_with(word)) continue;
    if (word == "\u00f1a" && !line_before(from).ends_with("ontrase")) continue;
    size_t i = from + word.size();
    const auto skip = [&](std::initializer_list<std::string_view> marks) {
      for (const std::string_view mark : marks) {
        while (text_.substr(i).starts_with(mark)) i += mark.size();
      }
    };
    skip({" ", ":", "=", "\uff1a", "\u306f", "\u662f", "\u2014", "es "});
    skip({" ", ":"});
    const size_t end = skip_run(i, [](char c) { return c > ' ' && c < 127 && c != ','; });
    const std::string_view found = text_.substr(i, end - i);
    const bool is_secret = i > from + word.size() && found.size() >= 4 && has_digit(found) &&
                           has_letter(found) && !is_placeholder(found);
    if (is_secret) return Span{i, end, "password"};
  }
  return std::nullopt;
}

// Tokens known by what follows their first part: Mailchimp's and Terraform's.
std::optional<Span> Scanner::suffixed(size_t from) const {
  const size_t end = skip_run(from, [](char c) { return is_alnum(c); });
  const size_t size = end - from;
  const std::string_view rest = text_.substr(end);
  if (size == 32 && rest.starts_with("-us") && has_digit(rest.substr(3, 1))) {
    const size_t stop = skip_run(end + 3, [](char c) { return c >= '0' && c <= '9'; });
    return Span{from, stop, "mailchimp_key"};
  }
  if (size == 14 && rest.starts_with(".atlasv1.")) {
    const size_t stop = skip_run(end + 9, [](char c) { return is_key_char(c); });
    if (stop - end >= 49) return Span{from, stop, "terraform_token"};
  }
  return std::nullopt;
}

// "HOST:PORT:DATABASE:USER:PASSWORD" of .pgpass, a line of its own.
std::optional<Span> Scanner::password_line(size_t from) const {
  if (from > 0 && !is_break(text_[from - 1])) return std::nullopt;
  size_t i = from;
  for (int field = 0; field < 4; ++field) {
    const size_t start = i;
    i = skip_run(i, [](char c) { return c > ' ' && c != ':' && c != '/'; });
    const std::string_view part = text_.substr(start, i - start);
    if (part.empty() || at(i) != ':') return std::nullopt;
    const bool is_port = part == "*" || (is_number(part) && part.size() >= 4);
    if (field == 1 && !is_port) return std::nullopt;
    ++i;
  }
  const size_t end = skip_run(i, [](char c) { return c > ' ' && c != ':'; });
  const bool is_whole = end == text_.size() || is_break(text_[end]);
  if (!is_whole || end - i < 4 || is_placeholder(text_.substr(i, end - i))) return std::nullopt;
  return Span{i, end, "password"};
}

// The lines behind "Private-Lines: N".
std::optional<Span> Scanner::putty_key(size_t from) const {
  if (!text_.substr(from).starts_with("Private-Lines: ")) return std::nullopt;
  const size_t line = text_.find('\n', from);
  if (line == std::string_view::npos) return std::nullopt;
  size_t end = line + 1;
  while (end < text_.size() && end - line < kKeyBlockBytesMax &&
         (is_token_char(text_[end]) || is_break(text_[end]))) {
    ++end;
  }
  if (end - line < kKeyBodyBytesMin) return std::nullopt;
  return Span{line + 1, end, "private_key"};
}

// A value that stands beside its key: <password>X</password>, name="password" value="X",
// {"name": "DB_PASSWORD", "value": "X"}, and "login U password X" of .netrc.
std::optional<Span> Scanner::beside(size_t end, std::string_view key, SecretName name) const {
  const size_t begin = end - key.size();
  if (begin > 0 && text_[begin - 1] == '<' && at(end) == '>') {
    const size_t stop = skip_run(end + 1, [](char c) { return c != '<' && !is_break(c); });
    const std::string_view found = text_.substr(end + 1, stop - end - 1);
    const ValueContext context{.name = name, .key = key, .is_quoted = true};
    if (at(stop) != '<' || !looks_secret(found, context)) return std::nullopt;
    return Span{end + 1, stop, kind_of(name)};
  }
  size_t i = end;
  if (at(i) == '"' || at(i) == '\'') ++i;
  if (i > end) {
    i = skip_blanks(i);
    if (at(i) == ',') i = skip_blanks(i + 1);
    if (at(i) == '"') ++i;
    if (!starts_with_word(text_.substr(std::min(i, text_.size())), "value")) return std::nullopt;
    i += 5;
    if (at(i) == '"') ++i;
    i = skip_blanks(i);
    if (at(i) != ':' && at(i) != '=') return std::nullopt;
    return value(skip_blanks(i + 1), name, key, false);
  }
  const std::string_view before = line_before(begin);
  const size_t login = before.find("login ");
  if (key != "password" || login == std::string_view::npos || !is_blank(at(end))) {
    return std::nullopt;
  }
  return value(skip_blanks(end), name, key, false);
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
    if (auto span = beside(end, key, name)) return span;
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
