// What Landlock does not confine, and namespaces would: tried with both sandboxes.
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/attacks/arena.h"

namespace corvid::attacks {
namespace {

// A datagram socket of the host that everybody may send to.
class Service {
 public:
  explicit Service(const fs::path& path) : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(chmod(path.c_str(), 0666) == 0);
  }
  ~Service() { close(fd_); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

 private:
  int fd_;
};

struct SharedMemory {
  int key = 0x43000000 | (getpid() & 0xffffff);
  int id = shmget(key, 4096, IPC_CREAT | 0666);
  SharedMemory() { REQUIRE(id >= 0); }
  ~SharedMemory() { shmctl(id, IPC_RMID, nullptr); }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
};

void read_outside(Arena& arena) { arena.profile.read_roots.push_back(arena.outside()); }

void write_outside(Arena& arena, sandbox::Profile& profile) {
  profile.write_roots.push_back(arena.outside());
}

bool is_changed(Arena& arena) {
  const auto mode = fs::status(arena.outside() / "secret").permissions();
  const auto time = fs::last_write_time(arena.outside() / "secret").time_since_epoch();
  const auto now = fs::file_time_type::clock::now().time_since_epoch();
  return mode == fs::perms(0777) || now - time > std::chrono::hours(24 * 365);
}

}  // namespace

TEST_CASE("Modes outside cannot be changed by way of a link in the workspace") {
  expect_blocked({.script = "ln -s \"$OUTSIDE/secret\" link; chmod 777 link; "
                            "python3 -c 'import os; f = os.open(\"link\", os.O_RDONLY); "
                            "os.fchmod(f, 0o777)'; exec 3< link; chmod 777 /proc/self/fd/3",
                  .tools = {"python3"},
                  .prepare = read_outside,
                  .has_escaped = is_changed,
                  .allow = write_outside});
}

TEST_CASE("Times outside cannot be changed by way of a link in the workspace") {
  expect_blocked({.script = "ln -s \"$OUTSIDE/secret\" link; touch -d 2001-01-01 link; "
                            "touch -d 2001-01-01 \"$OUTSIDE/secret\"; "
                            "python3 -c 'import os; f = os.open(\"link\", os.O_RDONLY); "
                            "os.utime(f, (0, 0))'",
                  .tools = {"python3"},
                  .prepare = read_outside,
                  .has_escaped = is_changed,
                  .allow = write_outside});
}

TEST_CASE("A link that is exchanged in between does not lead a change of modes out") {
  expect_blocked({.script = "touch inside; python3 -c 'import os, threading, time\n"
                            "end = time.time() + 0.7\n"
                            "outside = os.environ[\"OUTSIDE\"] + \"/secret\"\n"
                            "def swap():\n"
                            "  while time.time() < end:\n"
                            "    for target in (\"inside\", outside):\n"
                            "      os.symlink(target, \"next\"); os.replace(\"next\", \"link\")\n"
                            "thread = threading.Thread(target=swap); thread.start()\n"
                            "while time.time() < end:\n"
                            "  try: os.chmod(\"link\", 0o777)\n"
                            "  except OSError: pass'",
                  .tools = {"python3"},
                  .prepare = read_outside,
                  .has_escaped = is_changed,
                  .allow = write_outside});
}

TEST_CASE("Flags and attributes of a readable file outside cannot be set") {
  expect_blocked({.script = "python3 -c 'import fcntl, os, struct\n"
                            "name = os.environ[\"OUTSIDE\"] + \"/secret\"\n"
                            "try: os.setxattr(name, \"user.x\", b\"1\"); print(\"ESCAPED\")\n"
                            "except OSError: pass\n"
                            "try:\n"
                            "  file = os.open(name, os.O_RDONLY)\n"
                            "  flags = fcntl.ioctl(file, 0x80086601, bytes(8))\n"
                            "  nodump = struct.pack(\"l\", struct.unpack(\"l\", flags)[0] | 64)\n"
                            "  fcntl.ioctl(file, 0x40086602, nodump); print(\"ESCAPED\")\n"
                            "except OSError as error: print(error)'",
                  .tools = {"python3"},
                  .prepare = read_outside,
                  .skip_when = "Inappropriate ioctl"});
}

TEST_CASE("Limits and priorities of other processes cannot be set") {
  expect_blocked({.script = "renice -n 19 -p \"$HARNESS_PID\" >/dev/null && echo ESCAPED; "
                            "prlimit --pid \"$HARNESS_PID\" --core=0 && echo ESCAPED; "
                            "taskset -p 1 \"$HARNESS_PID\" >/dev/null && echo ESCAPED; "
                            "ionice -c 3 -p \"$HARNESS_PID\" && echo ESCAPED",
                  .tools = {"renice", "prlimit", "taskset", "ionice"}});
}

TEST_CASE("Another process cannot be signalled by way of a descriptor") {
  expect_blocked({.script = "python3 -c 'import os, signal\n"
                            "fd = os.pidfd_open(int(os.environ[\"HARNESS_PID\"]))\n"
                            "signal.pidfd_send_signal(fd, 0); print(\"ESCAPED\")'",
                  .tools = {"python3"}});
}

TEST_CASE("The process above the command cannot be ended") {
  expect_blocked({.script = "test -n \"$START\" && { sleep 20 & victim=$!; }; "
                            "kill -9 ${victim:-$PPID} && echo ESCAPED",
                  .allow = [](Arena& arena, sandbox::Profile&) {
                    arena.variables.emplace_back("START=1");
                  }});
}

TEST_CASE("A pair of sockets does not reach a service's socket") {
  const TempDir folder("corvid-service");
  fs::permissions(folder.path(), fs::perms(0755));
  const Service service(folder.path() / "socket");
  expect_blocked({.script = "python3 -c 'import os, socket\n"
                            "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
                            "a.sendto(b\"x\", os.environ[\"SERVICE\"]); print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = [&](Arena& arena) {
                    arena.variables = {"SERVICE=" + (folder.path() / "socket").string()};
                  }});
}

TEST_CASE("Shared memory of the machine cannot be reached") {
  const SharedMemory memory;
  expect_blocked({.script = "python3 -c 'import ctypes, os\n"
                            "libc = ctypes.CDLL(None)\n"
                            "found = libc.shmget(int(os.environ[\"KEY\"]), 0, 0)\n"
                            "print(\"ESCAPED\" if found >= 0 else \"no\")'",
                  .tools = {"python3"},
                  .prepare = [&](Arena& arena) {
                    arena.variables = {"KEY=" + std::to_string(memory.key)};
                  }});
}

}  // namespace corvid::attacks
