#pragma once
// How a command without a network reaches the hosts that a person allowed. The jail makes a
// listening socket in the command's own network namespace, on its loopback, and hands it out over a
// Unix socket; the harness answers there, speaks HTTP's CONNECT and plain requests, and decides by
// name, port and address. Nothing else connects the two networks, and nothing runs in the jail.

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/launch/process.h"
#include "sandbox/launch/proxy_request.h"

namespace corvid::sandbox {

inline constexpr int kProxyPort = 3128;  // on the command's loopback

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  const sockaddr& get() const { return reinterpret_cast<const sockaddr&>(storage); }
};

// What the proxy asks of the world.
struct ProxyWorld {
  // Addresses of a name, or of an address in text; empty: none. Blocking; called on threads of its
  // own, which may outlast the proxy, so it owns what it uses.
  std::function<std::vector<Address>(const std::string& host, int port)> resolve;
  // Whether a name may lead there. An address that a rule itself spells out may be any.
  std::function<bool(const Address&)> is_public;
};
ProxyWorld real_world();

struct ProxyLimits {
  size_t connections_max = 64;  // at once; further ones wait
  int lookups_max = 16;         // of names, at once; further ones wait
  int head_ms = 30'000;         // until a request's head is there
  int lookup_ms = 20'000;
  int connect_ms = 10'000;  // to one address
  int idle_ms = 600'000;    // without a byte either way
};

// Serves on a thread of its own until it is destroyed, which closes every connection at once.
class Proxy {
 public:
  // `channel`: the socket on which the jail sends the listening one. Throws io.
  Proxy(ProxyRules rules, Descriptor channel, ProxyWorld world, ProxyLimits limits = {});
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Ends it. What it refused: one line each, each once, in order, the first few.
  std::vector<std::string> stop();

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

// A pair of connected sockets, both closed by exec. Throws io.
struct Channel {
  Descriptor ours;
  Descriptor jails;
};
Channel make_channel();

// The variables that tell programs of the proxy. The loopback is the command's own, unless a rule
// names one of its addresses.
std::vector<std::string> proxy_variables(const ProxyRules& rules);

}  // namespace corvid::sandbox
