#include "sandbox/hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::sandbox {
namespace {

constexpr size_t kNameBytesMax = 253, kLabelBytesMax = 63;

// The address in the one form in which addresses are compared; empty when it is none.
std::string plain_address(const std::string& text) {
  in6_addr address = {};
  char plain[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), &address) != 1) continue;
    return inet_ntop(family, &address, plain, sizeof plain);
  }
  return "";
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_label(std::string_view label) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  return !label.empty() && label.size() <= kLabelBytesMax &&
         label.find_first_not_of(kAllowed) == label.npos;
}

// A last label that begins with a digit would make it an address for some programs.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  for (;;) {
    const size_t dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == name.npos) return !is_digit(name.front());
    name.remove_prefix(dot + 1);
  }
}

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  if (!is_whole || !is_digit(text.front()) || port < 1 || port > 65535) return std::nullopt;
  return port;
}

}  // namespace

std::optional<std::string> parse_host(std::string_view text) {
  std::string host(text.substr(0, kNameBytesMax + 2));
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (host.find('\0') != host.npos) return std::nullopt;
  if (std::string address = plain_address(host); !address.empty()) return address;
  if (host.ends_with('.')) host.pop_back();
  if (!is_name(host)) return std::nullopt;
  return host;
}

bool is_address(const std::string& host) { return !plain_address(host).empty(); }

std::optional<HostPort> parse_host_port(std::string_view text) {
  HostPort result;
  std::string_view host = text, rest;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == text.npos) return std::nullopt;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    if (host.find(':') == host.npos) return std::nullopt;
  } else {
    const size_t colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != text.npos) rest = text.substr(colon);
  }
  if (!rest.empty()) {
    const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
    if (!port) return std::nullopt;
    result.port = *port;
  }
  const auto parsed = parse_host(host);
  if (!parsed) return std::nullopt;
  result.host = *parsed;
  return result;
}

bool HostRule::fits(const std::string& other) const {
  if (!is_beneath) return host == other;
  return other.size() > host.size() + 1 && other.ends_with("." + host);
}

std::optional<HostRule> parse_host_rule(std::string_view text) {
  HostRule rule;
  rule.is_beneath = text.starts_with("*.");
  if (rule.is_beneath) text.remove_prefix(2);
  auto parsed = parse_host_port(text);
  if (!parsed) {  // an IPv6 address without brackets
    const auto address = parse_host(text);
    if (!address) return std::nullopt;
    parsed = HostPort{*address, 0};
  }
  if (rule.is_beneath && is_address(parsed->host)) return std::nullopt;
  rule.host = parsed->host;
  rule.port = parsed->port;
  return rule;
}

HostRule host_rule(const std::string& text) {
  const auto rule = parse_host_rule(text);
  if (rule) return *rule;
  fail(Code::invalid, "'" + printable(text) +
                          "' is no host: write example.org, *.example.org, 10.1.2.3 or "
                          "example.org:8080, without http:// and without a path");
}

}  // namespace corvid::sandbox
