// The proxy at work: over a socket of this process, and over one of a jail.

#include "sandbox/launch/proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <future>

#include "runtime/base/files.h"
#include "sandbox/jail/pass_descriptor.h"
#include "tests/support/http_server.h"

namespace corvid::sandbox {
namespace {

namespace fs = std::filesystem;
using test::http_answer;
using test::HttpServer;
using Clock = std::chrono::steady_clock;

Address local(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Address result;
  memcpy(&result.storage, &address, sizeof address);
  result.size = sizeof address;
  return result;
}

int port_of(const HttpServer& server) {
  return std::stoi(server.url().substr(server.url().rfind(':') + 1));
}

// Every name leads to this machine, and that counts as public.
ProxyWorld small_world() {
  return {[](const std::string&, int port) { return std::vector{local(port)}; },
          [](const Address&) { return true; }};
}

// A proxy that listens on a socket of this process, as if a jail had sent it.
class LocalProxy {
 public:
  LocalProxy(std::vector<std::string> allowed, ProxyWorld world, ProxyLimits limits = {})
      : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    Address address = local(0);
    REQUIRE(bind(listener_.get(), &address.get(), address.size) == 0);
    REQUIRE(listen(listener_.get(), 16) == 0);
    auto* writable = reinterpret_cast<sockaddr*>(&address.storage);
    REQUIRE(getsockname(listener_.get(), writable, &address.size) == 0);
    port_ = ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
    Channel channel = make_channel();
    send_listener(channel.jails.get());
    listener_.reset();
    proxy.emplace(make_proxy_rules(allowed, {}), std::move(channel.ours), std::move(world),
                  limits);
  }

  // A connection to the proxy on which `text` was sent.
  Descriptor dial(const std::string& text) const {
    Descriptor fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address address = local(port_);
    REQUIRE(connect(fd.get(), &address.get(), address.size) == 0);
    REQUIRE(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size()));
    return fd;
  }
  // All that comes back.
  std::string exchange(const std::string& text) const {
    const Descriptor fd = dial(text);
    return rest_of(fd.get());
  }

  static std::string rest_of(int fd, int ms = 10'000) {
    std::string text;
    char buffer[4096];
    pollfd ready = {fd, POLLIN, 0};
    while (poll(&ready, 1, ms) > 0) {
      const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) return text;
      text.append(buffer, static_cast<size_t>(got));
    }
    return text + "(still open)";
  }

  std::optional<Proxy> proxy;

 private:
  void send_listener(int channel) const {
    REQUIRE(jail::send_descriptor(channel, listener_.get()) == 0);
  }

  Descriptor listener_;
  int port_ = 0;
};

std::string at(const std::string& host, const HttpServer& server) {
  return host + ":" + std::to_string(port_of(server));
}

}  // namespace

TEST_CASE("A plain request and a tunnel reach the allowed host, and its answers come back") {
  const HttpServer server({http_answer(200, "hello", "text/plain")});
  const LocalProxy local_proxy({at("good.example", server)}, small_world());
  const std::string plain =
      local_proxy.exchange("POST http://" + at("GOOD.example", server) +
                           "/path HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 4\r\n\r\nbody");
  CHECK(plain.ends_with("\r\n\r\nhello"));
  const std::string tunnel = local_proxy.exchange("CONNECT " + at("good.example", server) +
                                                  " HTTP/1.1\r\n\r\nGET /inner HTTP/1.1\r\n\r\n");
  CHECK(tunnel.starts_with("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200"));
  CHECK(tunnel.ends_with("hello"));
  const auto requests = server.requests();
  REQUIRE(requests.size() == 2);
  CHECK(requests[0].head.starts_with("POST /path HTTP/1.1\r\nHost: " + at("good.example", server)));
  CHECK(requests[0].head.find("evil") == std::string::npos);
  CHECK(requests[0].body == "body");
  CHECK(requests[1].head.starts_with("GET /inner"));
}

TEST_CASE("Nothing behind a plain request goes on to the host") {
  const HttpServer server({http_answer(200, "first", "text/plain")});
  const LocalProxy local_proxy({at("good.example", server)}, small_world());
  const std::string first = "GET http://" + at("good.example", server) + "/1 HTTP/1.1\r\n";
  const std::string second = "GET /2 HTTP/1.1\r\nHost: secret.example\r\n\r\n";
  for (const std::string& attempt :
       {first + "\r\n" + second, first + "Content-Length: 3\r\n\r\nabc" + second}) {
    CHECK(local_proxy.exchange(attempt).ends_with("first"));
  }
  for (const auto& request : server.requests()) {
    CHECK(request.head.starts_with("GET /1"));
    CHECK((request.body.empty() || request.body == "abc"));
  }
  CHECK(server.requests().size() == 2);
  // Later on the same connection, too.
  const Descriptor fd = local_proxy.dial(first + "\r\n");
  CHECK(send(fd.get(), second.data(), second.size(), MSG_NOSIGNAL) == ssize_t(second.size()));
  CHECK(LocalProxy::rest_of(fd.get()).ends_with("first"));
  CHECK(server.requests().size() == 3);
}

TEST_CASE("A name is reached at its public addresses only, and looked up once") {
  const HttpServer server({http_answer(200, "secret", "text/plain")});
  std::atomic<int> lookups{0};
  ProxyWorld world;
  world.resolve = [&](const std::string&, int port) {
    ++lookups;
    return std::vector{local(port)};
  };
  world.is_public = real_world().is_public;
  const std::vector<std::string> rules = {at("rebind.example", server), at("127.0.0.1", server)};
  LocalProxy local_proxy(rules, world);
  const std::string tail = "\r\n\r\n";
  const std::string refused =
      local_proxy.exchange("CONNECT " + at("rebind.example", server) + " HTTP/1.1" + tail);
  CHECK(refused.starts_with("HTTP/1.1 403 corvid: rebind.example leads to a private"));
  CHECK(refused.find("secret") == std::string::npos);
  CHECK(lookups == 1);
  CHECK(server.requests().empty());
  // An address that a person spelt out may be any.
  CHECK(local_proxy.exchange("GET http://" + at("127.0.0.1", server) + "/ HTTP/1.1" + tail)
            .ends_with("secret"));
  CHECK(local_proxy.exchange("CONNECT other.example:443 HTTP/1.1" + tail).find(" 403 ") !=
        std::string::npos);
  CHECK(local_proxy.exchange("nonsense" + tail).starts_with("HTTP/1.1 400 "));
  const std::vector<std::string> told = local_proxy.proxy->stop();
  REQUIRE(told.size() == 3);
  CHECK(told[0].starts_with("rebind.example leads to a private or local address"));
  CHECK(told[1] ==
        "other.example is not allowed; a person allows it with --allow-host other.example");
}

TEST_CASE("Of several addresses the private ones are left out, and the next is tried") {
  const HttpServer server({http_answer(200, "reached", "text/plain")});
  ProxyWorld world;
  world.resolve = [&](const std::string&, int port) {
    return std::vector{local(9), local(1), local(port)};
  };
  world.is_public = [](const Address& address) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port) != 9;
  };
  const LocalProxy local_proxy({at("good.example", server)}, world);
  CHECK(local_proxy.exchange("GET http://" + at("good.example", server) + "/ HTTP/1.1\r\n\r\n")
            .ends_with("reached"));
}

TEST_CASE("The proxy ends at once, whatever it waits for") {
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  ProxyWorld world = small_world();
  world.resolve = [released](const std::string&, int) {
    released.wait();
    return std::vector<Address>();
  };
  LocalProxy local_proxy({"slow.example"}, world);
  const Descriptor waiting = local_proxy.dial("CONNECT slow.example:443 HTTP/1.1\r\n\r\n");
  const Descriptor silent = local_proxy.dial("GET ");
  pollfd nothing = {waiting.get(), POLLIN, 0};
  CHECK(poll(&nothing, 1, 200) == 0);
  const auto begin = Clock::now();
  local_proxy.proxy.reset();
  CHECK(Clock::now() - begin < std::chrono::seconds(5));
  CHECK(LocalProxy::rest_of(waiting.get()).empty());
  CHECK(LocalProxy::rest_of(silent.get()).empty());
  release.set_value();
}

TEST_CASE("Connections, heads, lookups and silence have limits") {
  const HttpServer server({http_answer(200, "served", "text/plain")});
  ProxyLimits limits;
  limits.connections_max = 1;
  limits.head_ms = 500;
  limits.idle_ms = 3'000;
  limits.lookup_ms = 500;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  ProxyWorld world;
  world.is_public = [](const Address&) { return true; };
  world.resolve = [released](const std::string& host, int port) {
    if (host == "slow.example") released.wait();
    return std::vector{local(port)};
  };
  const LocalProxy local_proxy({at("good.example", server), "slow.example"}, world, limits);
  const std::string get = "GET http://" + at("good.example", server) + "/ HTTP/1.1\r\n\r\n";
  const auto begin = Clock::now();
  const Descriptor silent = local_proxy.dial("GET ");
  const Descriptor queued = local_proxy.dial(get);  // has its turn when the first is over
  CHECK(LocalProxy::rest_of(queued.get()).ends_with("served"));
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(450));
  CHECK(LocalProxy::rest_of(silent.get()).empty());
  CHECK(local_proxy.exchange("CONNECT slow.example:443 HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 504 "));
  const Descriptor tunnel = local_proxy.dial("CONNECT " + at("good.example", server) +
                                             " HTTP/1.1\r\n\r\n");
  CHECK(LocalProxy::rest_of(tunnel.get()) == "HTTP/1.1 200 Connection established\r\n\r\n");
  CHECK(local_proxy.exchange("GET http://a/" + std::string(200'000, 'a') + " HTTP/1.1\r\n\r\n")
            .starts_with("HTTP/1.1 431 "));
  release.set_value();
}

TEST_CASE("Lookups beyond the limit wait for their turn") {
  const HttpServer server({http_answer(200, "served", "text/plain")});
  ProxyLimits limits;
  limits.lookups_max = 1;
  ProxyWorld world = small_world();
  world.resolve = [](const std::string&, int port) {
    usleep(20'000);
    return std::vector{local(port)};
  };
  const LocalProxy local_proxy({at("good.example", server)}, world, limits);
  std::vector<Descriptor> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(
        local_proxy.dial("GET http://" + at("good.example", server) + "/ HTTP/1.1\r\n\r\n"));
  }
  for (const Descriptor& client : clients) {
    CHECK(LocalProxy::rest_of(client.get()).ends_with("served"));
  }
}

TEST_CASE("A long body and a long answer pass through, whoever is slow") {
  const std::string body(3'000'000, 'b'), answer(5'000'000, 'a');
  const HttpServer server({http_answer(200, answer, "text/plain")});
  const LocalProxy local_proxy({at("good.example", server)}, small_world());
  const Descriptor fd = local_proxy.dial("POST http://" + at("good.example", server) +
                                         "/ HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n");
  for (size_t done = 0; done < body.size();) {
    const ssize_t put = send(fd.get(), body.data() + done, body.size() - done, MSG_NOSIGNAL);
    REQUIRE(put > 0);
    done += static_cast<size_t>(put);
  }
  usleep(100'000);
  const std::string got = LocalProxy::rest_of(fd.get());
  CHECK(got.size() > answer.size());
  CHECK(got.ends_with(answer.substr(0, 1000)));
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests()[0].body == body);
}

TEST_CASE("Programs in the sandbox reach an allowed host and are told of a refused one") {
  const fs::path program = fs::path(CORVID_BINARY_DIR) / "corvid-jail";
  if (const std::string missing = detect_layers(program).missing(); !missing.empty()) {
    WARN("SKIP: " << missing);
    return;
  }
  const HttpServer server({http_answer(200, "from outside", "text/plain")});
  const auto box = make_sandbox("linux", {program});
  const TempDir dir;
  Profile profile = system_profile({"PATH=/usr/bin:/bin"});
  profile.write_roots = {fs::canonical(dir.path())};
  profile.allowed_hosts = {at("127.0.0.1", server)};
  Command command;
  command.cwd = profile.write_roots[0];
  const auto run = [&](const std::string& script) {
    command.argv = {"sh", "-c", script};
    return box->run(command, profile, {});
  };
  const std::string fetch = "python3 -c 'import sys, urllib.request as u\n"
                            "try: print(u.urlopen(sys.argv[1], timeout=20).read().decode())\n"
                            "except Exception as e: print(e)' ";
  const Outcome reached = run(fetch + server.url());
  CHECK(reached.output == "from outside\n");
  const Outcome refused = run(fetch + "https://pypi.org/simple/");
  CHECK(refused.output.find("corvid: pypi.org is not allowed; a person allows it with "
                            "--allow-host pypi.org") != std::string::npos);
  CHECK(refused.output.ends_with(
      "\n[network: pypi.org is not allowed; a person allows it with --allow-host pypi.org]\n"));
  CHECK(run("echo $http_proxy $HTTPS_PROXY $no_proxy").output ==
        "http://127.0.0.1:3128 http://127.0.0.1:3128 localhost,::1\n");
  profile.allowed_hosts = {"example.org"};
  CHECK(run("echo $no_proxy").output == "localhost,127.0.0.1,::1\n");
  profile.allowed_hosts.clear();
  CHECK(run("echo $http_proxy$HTTPS_PROXY").output == "\n");
  profile.allowed_hosts = {"https://example.org"};
  CHECK_THROWS(run("true"));
}

}  // namespace corvid::sandbox
