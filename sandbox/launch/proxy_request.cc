#include "sandbox/launch/proxy_request.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/base/text.h"

namespace corvid::sandbox {
namespace {

constexpr int kPlainPort = 80, kTlsPort = 443;

ProxyRefusal bad_request(std::string what) { return {400, "bad-request", std::move(what)}; }

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// RFC 9110, 5.6.2
bool is_token(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != kOther.npos;
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Headers of this hop, and the one that is written anew.
bool is_dropped(const std::string& name) {
  constexpr std::string_view kNames[] = {"host",    "connection", "keep-alive",
                                         "upgrade", "te",         "trailer"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         name.starts_with("proxy-");
}

bool is_usual(int port) { return port == kPlainPort || port == kTlsPort; }

std::string authority_of(const ProxyRequest& request, bool names_port) {
  const bool is_six = request.host.find(':') != std::string::npos;
  std::string text = is_six ? "[" + request.host + "]" : request.host;
  if (names_port) text += ":" + std::to_string(request.port);
  return text;
}

struct Line {
  std::string_view method, target, version;
};

std::optional<Line> parse_line(std::string_view line) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || last == first) return std::nullopt;
  const Line parsed = {line.substr(0, first), line.substr(first + 1, last - first - 1),
                       line.substr(last + 1)};
  if (parsed.version != "HTTP/1.1" && parsed.version != "HTTP/1.0") return std::nullopt;
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const bool is_method =
      !parsed.method.empty() && parsed.method.find_first_not_of(kLetters) == line.npos;
  if (!is_method || parsed.target.empty() || !is_visible_ascii(parsed.target)) return std::nullopt;
  return parsed;
}

// Adds the headers in `lines` to the head. Where a body ends must be plain from its length.
std::optional<ProxyRefusal> take_headers(std::string_view lines, ProxyRequest& request) {
  bool has_length = false;
  for (;;) {
    const size_t end = lines.find("\r\n");
    if (end == lines.npos) return bad_request("a head without an end");
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    if (line.empty()) return std::nullopt;
    const size_t colon = line.find(':');
    if (colon == line.npos || !is_token(line.substr(0, colon)) || !is_value(line)) {
      return bad_request("a header that is none");
    }
    const std::string name = lower_case(line.substr(0, colon));
    const std::string_view value = without_blanks(line.substr(colon + 1));
    if (name == "transfer-encoding") {
      return ProxyRefusal{411, "length-required",
                          "plain requests with a body need a Content-Length here; use https"};
    }
    if (name == "content-length") {
      const auto [stop, error] =
          std::from_chars(value.data(), value.data() + value.size(), request.body_bytes);
      const bool is_number = error == std::errc() && stop == value.data() + value.size() &&
                             value.front() >= '0' && value.front() <= '9';
      if (!is_number || has_length) return bad_request("a doubtful Content-Length");
      has_length = true;
    }
    if (!is_dropped(name)) request.head.append(line).append("\r\n");
  }
}

}  // namespace

ProxyRules make_proxy_rules(const std::vector<std::string>& allowed,
                            const std::vector<std::string>& denied) {
  ProxyRules rules;
  for (const std::string& text : allowed) rules.allowed.push_back(host_rule(text));
  for (const std::string& text : denied) rules.denied.push_back(host_rule(text));
  return rules;
}

std::variant<ProxyRequest, ProxyRefusal> parse_proxy_request(std::string_view head) {
  const size_t end = head.find("\r\n");
  const auto line = parse_line(head.substr(0, end));
  if (end == head.npos || !line) return bad_request("no request line");
  ProxyRequest request;
  request.is_tunnel = line->method == "CONNECT";
  std::string_view authority = line->target, path;
  if (!request.is_tunnel) {
    constexpr std::string_view kScheme = "http://";
    if (!authority.starts_with(kScheme)) {
      return bad_request("neither CONNECT nor an http:// address: this is a proxy");
    }
    authority.remove_prefix(kScheme.size());
    const size_t slash = std::min(authority.find_first_of("/?#"), authority.size());
    path = authority.substr(slash);
    authority = authority.substr(0, slash);
  }
  const auto target = parse_host_port(authority);
  if (!target || (request.is_tunnel && target->port == 0)) {
    return bad_request("no host: '" + std::string(authority.substr(0, 256)) + "'");
  }
  request.host = target->host;
  request.port = target->port == 0 ? kPlainPort : target->port;
  if (request.is_tunnel) return request;
  if (path.find('#') != path.npos) return bad_request("a fragment is not sent");
  request.head = std::string(line->method) + (path.starts_with('/') ? " " : " /");
  request.head.append(path).append(" ").append(line->version);
  request.head += "\r\nHost: " + authority_of(request, request.port != kPlainPort);
  request.head += "\r\nConnection: close\r\n";
  if (auto refusal = take_headers(head.substr(end + 2), request)) return *refusal;
  request.head += "\r\n";
  return request;
}

ProxyRefusal refusal_of(const ProxyRules& rules, const ProxyRequest& request) {
  const std::string shown = authority_of(request, !is_usual(request.port));
  for (const HostRule& rule : rules.denied) {
    const bool covers_port = rule.port == 0 || rule.port == request.port;
    if (covers_port && rule.fits(request.host)) {
      return {403, "host-denied", shown + " is denied by a rule of the policy file"};
    }
  }
  bool is_host_allowed = false;
  for (const HostRule& rule : rules.allowed) {
    if (!rule.fits(request.host)) continue;
    if (rule.port == 0 ? is_usual(request.port) : rule.port == request.port) return {};
    is_host_allowed = true;
  }
  return {403, is_host_allowed ? "port-not-allowed" : "host-not-allowed",
          shown + " is not allowed; a person allows it with --allow-host " + shown};
}

std::string refusal_answer(const ProxyRefusal& refusal) {
  const std::string body = "corvid: " + refusal.text + "\n";
  // Many programs show nothing of a refusal but this line.
  return "HTTP/1.1 " + std::to_string(refusal.status) + " corvid: " + refusal.text +
         "\r\nX-Corvid-Refused: " + refusal.reason +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace corvid::sandbox
