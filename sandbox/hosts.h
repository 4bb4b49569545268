#pragma once
// How hosts are written where a person allows or denies them, and how they are compared.

#include <optional>
#include <string>
#include <string_view>

namespace corvid::sandbox {

// A name in lower case without a dot at its end, or an IP address as inet_ntop writes it, without
// brackets. Nothing for what is neither, as for numbers that some programs take for an address
// ("127.1", "0x7f000001", "2130706433").
std::optional<std::string> parse_host(std::string_view text);

// Of what parse_host gave: an IP address, no name.
bool is_address(const std::string& host);

struct HostPort {
  std::string host;
  int port = 0;  // 0: none is named
};
// "HOST", "HOST:PORT", "[ADDRESS]:PORT"; an IPv6 address always in brackets.
std::optional<HostPort> parse_host_port(std::string_view text);

// "HOST", or "*.NAME" for all names beneath NAME but not itself; with ":PORT" for that port alone.
// An IPv6 address without a port may stand without brackets.
struct HostRule {
  std::string host;
  bool is_beneath = false;
  int port = 0;  // 0: none is named

  bool fits(const std::string& other) const;  // of parse_host; the port is another question
};
std::optional<HostRule> parse_host_rule(std::string_view text);

// parse_host_rule, or throws invalid, saying what a host looks like.
HostRule host_rule(const std::string& text);

}  // namespace corvid::sandbox
