#include "tests/attacks/arena.h"
#include "tests/attacks/listener.h"

namespace corvid::attacks {
namespace {

using sandbox::Profile;

constexpr const char* kConnect =
    "python3 -c 'import os, socket\n"
    "socket.create_connection((\"127.0.0.1\", int(os.environ[\"PORT\"])), 5)\n"
    "print(\"ESCAPED\")'";

constexpr const char* kConnectUnix =
    "python3 -c 'import os, socket\n"
    "name = os.environ[\"SOCKET\"]\n"
    "s = socket.socket(socket.AF_UNIX)\n"
    "s.connect(name.replace(\"@\", chr(0)))\n"
    "print(\"ESCAPED\")'";

}  // namespace

TEST_CASE("A service on the host's loopback cannot be reached") {
  const Listener listener;
  expect_blocked({.script = kConnect,
                  .tools = {"python3"},
                  .prepare = [&](Arena& arena) { arena.variables = {"PORT=" + listener.port()}; },
                  .allow = [](Arena&, Profile& profile) { profile.allow_network = true; }});
}

TEST_CASE("An abstract Unix socket of the host cannot be reached") {
  const std::string name = "@corvid-attack-" + std::to_string(getpid());
  const Listener listener(name);
  expect_blocked({.script = kConnectUnix,
                  .tools = {"python3"},
                  .prepare = [&](Arena& arena) { arena.variables = {"SOCKET=" + name}; }});
}

TEST_CASE("A Unix socket outside of the workspace cannot be reached") {
  const TempDir folder("corvid-socket");
  fs::permissions(folder.path(), fs::perms(0777));
  const fs::path path = folder.path() / "service";
  const Listener listener(path.string());
  fs::permissions(path, fs::perms(0777));
  expect_blocked({.script = kConnectUnix,
                  .tools = {"python3"},
                  .prepare = [&](Arena& arena) { arena.variables = {"SOCKET=" + path.string()}; }});
}

TEST_CASE("No interface but the loopback is seen") {
  expect_blocked({.script = "python3 -c 'import socket\n"
                            "names = [name for _, name in socket.if_nameindex()]\n"
                            "print(names)\n"
                            "print(\"ESCAPED\" if names != [\"lo\"] else \"\")'",
                  .tools = {"python3"},
                  .prepare =
                      [](Arena&) {
                        const auto interfaces = fs::directory_iterator("/sys/class/net");
                        if (std::distance(begin(interfaces), end(interfaces)) < 2) {
                          WARN("only a loopback interface on this host");
                        }
                      },
                  .allow = [](Arena&, Profile& profile) { profile.allow_network = true; },
                  .skip_when = "['lo']"});
}

TEST_CASE("Sockets of other families cannot be made") {
  expect_blocked({.script = "python3 -c 'import socket\n"
                            "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"}});
}

TEST_CASE("Sockets to the machine that hosts this one cannot be made") {
  expect_blocked({.script = "python3 -c 'import socket\n"
                            "socket.socket(40, socket.SOCK_STREAM)\n"  // AF_VSOCK
                            "print(\"ESCAPED\")' || echo no vsock here",
                  .tools = {"python3"},
                  .skip_when = "no vsock here"});
}

TEST_CASE("Packets of the host's network cannot be captured") {
  expect_blocked({.script = "python3 -c 'import socket\n"
                            "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = [](Arena& arena) { arena.profile.allow_network = true; },
                  .control_needs_root = true});
}

}  // namespace corvid::attacks
