// What of the proxy touches the outside: names, addresses, and the socket out of the jail.
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/public_address.h"
#include "sandbox/launch/proxy.h"

namespace corvid::sandbox {
namespace {

constexpr size_t kAddressesMax = 16;

std::vector<Address> look_up(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  std::vector<Address> addresses;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    Address address;
    if (addresses.size() == kAddressesMax || each->ai_addrlen > sizeof address.storage) break;
    memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

ProxyWorld real_world() {
  return {look_up, [](const Address& address) { return corvid::is_public(address.get()); }};
}

Channel make_channel() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) fail_errno("socketpair");
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

std::vector<std::string> proxy_variables(const ProxyRules& rules) {
  const std::string url = "http://127.0.0.1:" + std::to_string(kProxyPort);
  std::vector<std::string> variables;
  for (const char* name : {"http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"}) {
    variables.push_back(std::string(name) + "=" + url);
  }
  std::string direct;
  for (const std::string host : {"localhost", "127.0.0.1", "::1"}) {
    const bool is_outer = std::any_of(rules.allowed.begin(), rules.allowed.end(),
                                      [&](const HostRule& rule) { return rule.fits(host); });
    if (!is_outer || host == "localhost") direct += (direct.empty() ? "" : ",") + host;
  }
  for (const char* name : {"no_proxy", "NO_PROXY"}) {
    variables.push_back(std::string(name) + "=" + direct);
  }
  return variables;
}

}  // namespace corvid::sandbox
