// Ways around the proxy, which is the only way to a network that a command can get.

#include <poll.h>

#include <mutex>
#include <thread>
#include <utility>

#include "tests/attacks/arena.h"
#include "tests/attacks/listener.h"

namespace corvid::attacks {
namespace {

using sandbox::Profile;

// Asks the proxy for each of $TARGETS, then tries $PORT without it.
constexpr const char* kAsk =
    "python3 -c 'import os, socket\n"
    "for target in os.environ[\"TARGETS\"].split():\n"
    "    for ask in [\"CONNECT %s HTTP/1.1\", \"GET http://%s/ HTTP/1.1\"]:\n"
    "        try:\n"
    "            s = socket.create_connection((\"127.0.0.1\", 3128), 10)\n"
    "            s.sendall((ask % target + \"\\r\\n\\r\\n\").encode())\n"
    "            answer = s.recv(4096).decode()\n"
    "            print(target, answer.split(\"\\r\\n\")[0])\n"
    "            if \" 200 \" in answer: print(\"ESCAPED\")\n"
    "        except OSError as error: print(target, error)\n"
    "try:\n"
    "    socket.create_connection((\"127.0.0.1\", int(os.environ[\"PORT\"])), 5)\n"
    "    print(\"ESCAPED\")\n"
    "except OSError as error: print(error)'";

struct Case {
  std::string targets;  // PORT stands for the listener's port
  std::vector<std::string> allowed;
  std::vector<std::string> denied = {};
  bool control_has_network = false;  // else the control allows the listener
};

std::string with_port(std::string text, const std::string& port) {
  for (size_t at = text.find("PORT"); at != text.npos; at = text.find("PORT")) {
    text.replace(at, 4, port);
  }
  return text;
}

void expect_refused(const Case& each) {
  const Listener listener;
  const std::string port = listener.port();
  expect_blocked({.script = kAsk,
                  .tools = {"python3"},
                  .prepare =
                      [&](Arena& arena) {
                        arena.variables = {"PORT=" + port,
                                           "TARGETS=" + with_port(each.targets, port)};
                        for (const std::string& host : each.allowed) {
                          arena.profile.allowed_hosts.push_back(with_port(host, port));
                        }
                        arena.profile.denied_hosts = each.denied;
                      },
                  .allow =
                      [&](Arena&, Profile& profile) {
                        profile.allow_network = each.control_has_network;
                        profile.allowed_hosts = {"127.0.0.1:" + port};
                        profile.denied_hosts.clear();
                      }});
}

// A server of the host that keeps what it is told, and answers each connection once.
class Recorder {
 public:
  Recorder() : thread_([this](std::stop_token stop) { serve(stop); }) {}
  std::string port() const { return listener_.port(); }
  void forget() {
    const std::scoped_lock guard(mutex_);
    heard_.clear();
  }
  bool heard(const std::string& text) const {
    const std::scoped_lock guard(mutex_);
    return heard_.find(text) != heard_.npos;
  }

 private:
  static bool is_ready(int fd, int ms) {
    pollfd one = {fd, POLLIN, 0};
    return poll(&one, 1, ms) > 0;
  }

  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!is_ready(listener_.fd(), 100)) continue;
      const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
      bool has_answered = false;
      char buffer[4096];
      while (is_ready(fd, 1000)) {
        const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        {
          const std::scoped_lock guard(mutex_);
          heard_.append(buffer, static_cast<size_t>(got));
        }
        constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        if (!std::exchange(has_answered, true)) {
          (void)!send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        }
      }
      close(fd);
    }
  }

  const Listener listener_;
  mutable std::mutex mutex_;
  std::string heard_;
  std::jthread thread_;
};

// What `script` prints under `profile` while another command of the same harness runs under `other`.
std::string beside(const Arena& arena, const Profile& other, const std::string& script,
                   const Profile& profile) {
  return arena.as_identity([&] {
    const auto box = sandbox::make_sandbox("linux", {arena.jail()});
    const auto run = [&](const std::string& text, const Profile& with, std::stop_token stop) {
      sandbox::Command command;
      command.argv = {"/bin/sh", "-c", text};
      command.cwd = arena.workspace();
      command.environment = arena.variables;
      return box->run(command, with, stop).output;
    };
    const std::jthread neighbour([&](const std::stop_token& stop) {
      run("touch ready; sleep 20", other, stop);
    });
    for (int i = 0; i < 500 && !fs::exists(arena.workspace() / "ready"); ++i) usleep(20'000);
    if (!fs::exists(arena.workspace() / "ready")) return std::string("the neighbour is missing");
    return run(script, profile, {});
  });
}

}  // namespace

TEST_CASE("A host that nobody allowed is not reached through the proxy") {
  expect_refused({"127.0.0.1:PORT", {"example.org"}});
}

TEST_CASE("Without allowed hosts there is no proxy") { expect_refused({"127.0.0.1:PORT", {}}); }

TEST_CASE("An allowed name with a local address is not reached") {
  expect_refused({"localhost:PORT localhost.:PORT LOCALHOST:PORT", {"localhost:PORT"}, {}, true});
}

TEST_CASE("An address in disguise passes for no allowed name") {
  expect_refused({"127.1:PORT 2130706433:PORT 0x7f.0.0.1:PORT 0177.0.0.1:PORT 127.0.0.1.:PORT "
                  "[::ffff:127.0.0.1]:PORT a.example@127.0.0.1:PORT a.example:x@127.0.0.1:PORT "
                  "127.0.0.1:PORT#a.example 127.0.0.1:PORT/a.example 127.0.0.1:PORT 0:PORT",
                  {"*.example:PORT", "a.example:PORT", "1.example"}});
}

TEST_CASE("A denied host is not reached although it is allowed, too") {
  expect_refused({"127.0.0.1:PORT", {"127.0.0.1:PORT"}, {"127.0.0.1"}});
}

TEST_CASE("An allowed host is not reached at a port that was not") {
  expect_refused({"127.0.0.1:PORT", {"127.0.0.1", "127.0.0.1:1"}});
}

TEST_CASE("No second request follows an allowed one to another host of the same address") {
  Recorder recorder;
  expect_blocked(
      {.script = "python3 -c 'import os, socket\n"
                 "port = os.environ[\"PORT\"]\n"
                 "to = (\"127.0.0.1\", 3128 if \"http_proxy\" in os.environ else int(port))\n"
                 "more = \"GET /second HTTP/1.1\\r\\nHost: secret\\r\\n\\r\\n\"\n"
                 "ask = \"POST http://127.0.0.1:%s/first HTTP/1.1\\r\\nHost: a\\r\\n\" % port\n"
                 "for head, wait in [(\"\", 0), (\"\", 1), (\"Content-Length: 3\\r\\n\", 0),\n"
                 "    (\"Content-Length: 0\\r\\nTransfer-Encoding: chunked\\r\\n\", 0),\n"
                 "    (\"Transfer-Encoding: chunked\\r\\n\", 0), (\"Upgrade: x\\r\\n\", 1),\n"
                 "    (\"Content-Length: 3\\r\\nContent-Length: 99\\r\\n\", 0)]:\n"
                 "    try:\n"
                 "        s = socket.create_connection(to, 10)\n"
                 "        s.sendall((ask + head + \"\\r\\n\" + (\"\" if wait else more)).encode())\n"
                 "        print(s.recv(4096))\n"
                 "        if wait: s.sendall(more.encode())\n"
                 "        s.recv(4096)\n"
                 "    except OSError as error: print(error)'",
       .tools = {"python3"},
       .prepare =
           [&](Arena& arena) {
             recorder.forget();
             arena.variables = {"PORT=" + recorder.port()};
             arena.profile.allowed_hosts = {"127.0.0.1:" + recorder.port()};
           },
       .has_escaped = [&](Arena&) { return recorder.heard("Host: secret"); },
       .allow = [](Arena&, Profile& profile) { profile.allow_network = true; }});
  CHECK(recorder.heard("/first"));
}

TEST_CASE("No datagram leaves, so no name is looked up past the proxy") {
  const Listener listener(SOCK_DGRAM);
  expect_blocked({.script = "python3 -c 'import os, socket\n"
                            "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                            "s.sendto(b\"question\", (\"127.0.0.1\", int(os.environ[\"PORT\"])))'",
                  .tools = {"python3"},
                  .prepare =
                      [&](Arena& arena) {
                        arena.variables = {"PORT=" + listener.port()};
                        arena.profile.allowed_hosts = {"example.org", "127.0.0.1"};
                      },
                  .has_escaped =
                      [&](Arena&) {
                        char buffer[64];
                        return recv(listener.fd(), buffer, sizeof buffer, MSG_DONTWAIT) > 0;
                      },
                  .allow = [](Arena&, Profile& profile) { profile.allow_network = true; }});
}

TEST_CASE("The proxy of another run, which may more, cannot be reached") {
  if (!missing_layers().empty() || !has_tool("python3")) {
    WARN("SKIP: no sandbox or no python3 here");
    return;
  }
  // Every Unix socket that can be seen, and the port of the proxy.
  const std::string attack = std::string(kAsk) +
                             "\npython3 -c 'import socket\n"
                             "for line in open(\"/proc/net/unix\").readlines()[1:]:\n"
                             "    name = line.split()[7:]\n"
                             "    if not name: continue\n"
                             "    try:\n"
                             "        s = socket.socket(socket.AF_UNIX)\n"
                             "        s.connect(name[0].replace(\"@\", chr(0)))\n"
                             "        print(\"ESCAPED\", name)\n"
                             "    except OSError as error: print(name, error)'";
  const Listener listener;
  for (const Who who : identities()) {
    INFO("as " << name_of(who));
    Arena arena(who);
    arena.variables = {"PORT=" + listener.port(), "TARGETS=127.0.0.1:" + listener.port()};
    Profile richer = arena.profile;
    richer.allowed_hosts = {"127.0.0.1:" + listener.port()};
    CHECK(arena.run(attack, richer).output.find("ESCAPED") != std::string::npos);
    for (const std::vector<std::string>& allowed : {std::vector<std::string>{}, {"example.org"}}) {
      Profile poorer = arena.profile;
      poorer.allowed_hosts = allowed;
      const std::string output = beside(arena, richer, attack, poorer);
      INFO(output);
      CHECK(output.find("127.0.0.1:" + listener.port()) != std::string::npos);
      CHECK(output.find("ESCAPED") == std::string::npos);
    }
  }
}

TEST_CASE("Neither the channel of the proxy nor its socket is left open in the command") {
  if (!missing_layers().empty() || !has_tool("python3")) {
    WARN("SKIP: no sandbox or no python3 here");
    return;
  }
  for (const Who who : identities()) {
    Arena arena(who);
    arena.profile.allowed_hosts = {"example.org"};
    const sandbox::Outcome outcome =
        arena.run("python3 -c 'import os; print(sorted(os.listdir(\"/proc/self/fd\")))'",
                  arena.profile);
    CHECK(outcome.output == "['0', '1', '2', '3']\n");  // 3 is the folder itself
  }
}

}  // namespace corvid::attacks
