#pragma once
// What a command asks of the proxy, and whether it may have it. Pure: no sockets.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sandbox/hosts.h"

namespace corvid::sandbox {

struct ProxyRules {
  std::vector<HostRule> allowed;  // a rule without a port stands for 80 and 443
  std::vector<HostRule> denied;   // these win; one without a port stands for all ports
};

// From the texts of Profile. Throws invalid for what is no host.
ProxyRules make_proxy_rules(const std::vector<std::string>& allowed,
                            const std::vector<std::string>& denied);

struct ProxyRequest {
  bool is_tunnel = false;  // CONNECT; else one plain request
  std::string host;        // as parse_host gives it
  int port = 0;
  // Of a plain request: its head as it goes on to the host, whose Host header names the host that
  // was decided about, and the number of bytes that follow. One request per connection: a second
  // one could be meant for another host at the same address.
  std::string head;
  int64_t body_bytes = 0;
};

struct ProxyRefusal {
  int status = 403;    // of HTTP
  std::string reason;  // for programs: "host-not-allowed"
  std::string text;    // for people, one line
};

// Reads a request's head, up to and with the empty line. Refused is what is no request to a proxy,
// and what two programs could read in two ways.
std::variant<ProxyRequest, ProxyRefusal> parse_proxy_request(std::string_view head);

// Empty reason: it is allowed.
ProxyRefusal refusal_of(const ProxyRules& rules, const ProxyRequest& request);

// The whole answer that tells of a refusal.
std::string refusal_answer(const ProxyRefusal& refusal);

}  // namespace corvid::sandbox
