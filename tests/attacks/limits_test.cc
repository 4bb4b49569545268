#include "tests/attacks/arena.h"

namespace corvid::attacks {
namespace {

using sandbox::Profile;

constexpr int64_t kMiB = 1 << 20;

// Starts 150 processes that wait, and tells when all are there.
constexpr const char* kManyProcesses =
    "python3 -c 'import os, signal, time\n"
    "children = []\n"
    "for i in range(150):\n"
    "  child = os.fork()\n"
    "  if child == 0: time.sleep(20); os._exit(0)\n"
    "  children.append(child)\n"
    "time.sleep(0.3)\n"
    "print(\"ESCAPED\", flush=True)\n"
    "for child in children: os.kill(child, 9)'";

void small_memory(Arena& arena) { arena.profile.memory_bytes_max = 100 * kMiB; }

void large_memory(Arena&, Profile& profile) { profile.memory_bytes_max = 1000 * kMiB; }

}  // namespace

TEST_CASE("More processes than the limit cannot be started") {
  expect_blocked({.script = kManyProcesses,
                  .tools = {"python3"},
                  .prepare = [](Arena& arena) { arena.profile.processes_max = 60; },
                  .allow = [](Arena&, Profile& profile) { profile.processes_max = 400; }});
}

TEST_CASE("A fork bomb ends with its command") {
  for (const auto& [who, backend] : cases_here()) {
    INFO(backend << " as " << name_of(who));
    Arena arena(who);
    arena.profile.processes_max = 100;
    arena.profile.time_max = std::chrono::seconds(2);
    const auto outcome = arena.run("bomb() { bomb | bomb & }; bomb; sleep 60", arena.profile,
                                   backend);
    CHECK(outcome.exit_code != 0);
    // Counted by the sandbox's own mark, the folder of the arena, in their environment.
    int left = 0;
    const std::string mark = "OUTSIDE=" + arena.outside().string();
    for (const auto& entry : fs::directory_iterator("/proc")) {
      if (proc_text(entry.path() / "environ").find(mark) != std::string::npos) ++left;
    }
    CHECK(left == 0);
    // The machine still works, and a harmless command too.
    CHECK(arena.run("echo fine", arena.profile, backend).output == "fine\n");
  }
}

TEST_CASE("One process cannot take more memory than the limit") {
  expect_blocked({.script = "python3 -c 'import time\n"
                            "data = bytearray(200 << 20)\n"
                            "for at in range(0, len(data), 4096): data[at] = 1\n"
                            "time.sleep(0.5)\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = small_memory,
                  .allow = large_memory});
}

TEST_CASE("Many processes together cannot take more memory than the limit") {
  expect_blocked({.script = "python3 -c 'import os, time\n"
                            "children = []\n"
                            "for i in range(8):\n"
                            "  child = os.fork()\n"
                            "  if child == 0:\n"
                            "    data = bytearray(25 << 20)\n"
                            "    for at in range(0, len(data), 4096): data[at] = 1\n"
                            "    time.sleep(1.5); os._exit(0)\n"
                            "  children.append(child)\n"
                            "for child in children: os.waitpid(child, 0)\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = small_memory,
                  .allow = large_memory});
}

TEST_CASE("Shared memory counts against the limit") {
  expect_blocked({.script = "python3 -c 'import mmap, time\n"
                            "data = mmap.mmap(-1, 200 << 20)\n"
                            "for at in range(0, len(data), 4096): data[at] = 1\n"
                            "time.sleep(0.5)\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = small_memory,
                  .allow = large_memory});
}

TEST_CASE("Files in memory count against the limit") {
  expect_blocked({.script = "for f in /tmp/a /dev/shm/b ~/c; do "
                            "head -c 45M /dev/zero > $f || exit; done; sleep 0.5; echo ESCAPED",
                  .prepare = small_memory,
                  .allow = large_memory});
}

namespace {

// Python that makes four files in memory of 50 MiB; `then` does something with each `fd`.
std::string memory_files(const std::string& first, const std::string& then) {
  return "python3 -c 'import ctypes, mmap, os, time\n"
         "libc = ctypes.CDLL(None)\n" +
         first +
         "\nfor i in range(4):\n"
         "  fd = os.memfd_create(\"x\")\n"
         "  os.posix_fallocate(fd, 0, 50 << 20)\n" +
         then +
         "\ntime.sleep(1)\n"
         "print(\"ESCAPED\")'";
}

void expect_counted(const std::string& script) {
  expect_blocked({.script = script.c_str(),
                  .tools = {"python3"},
                  .prepare = small_memory,
                  .allow = large_memory});
}

}  // namespace

TEST_CASE("Files of memfd_create count against the limit, open or mapped") {
  expect_counted(memory_files("", "  pass"));
  expect_counted(memory_files("kept = []", "  kept.append(mmap.mmap(fd, 50 << 20)); os.close(fd)"));
}

TEST_CASE("Files in memory that are mapped count once") {
  for (const char* maker : {"os.memfd_create(\"x\")",
                            "os.open(\"/dev/shm/x\", os.O_RDWR | os.O_CREAT)",
                            "os.open(\"/tmp/x\", os.O_RDWR | os.O_CREAT)"}) {
    if (!has_tool("python3")) return;
    for (const auto& [who, backend] : cases_here()) {
      if (backend == "staged" && !std::string(maker).starts_with("os.memfd")) continue;
      Arena arena(who);
      arena.profile.memory_bytes_max = 80 * kMiB;  // half of which is a file system's
      const std::string made = arena.run("python3 -c 'import mmap, os, time\n"
                                         "fd = " + std::string(maker) + "\n"
                                         "os.truncate(fd, 36 << 20)\n"
                                         "data = mmap.mmap(fd, 36 << 20)\n"
                                         "for at in range(0, len(data), 4096): data[at] = 1\n"
                                         "time.sleep(0.5)\n"
                                         "print(\"fits\")'",
                                         arena.profile, backend).output;
      INFO(maker << " as " << name_of(who) << ", " << backend);
      CHECK(made == "fits\n");
    }
  }
}

TEST_CASE("A process cannot keep its files in memory from being counted") {
  expect_counted(memory_files("libc.prctl(4, 0, 0, 0, 0)", "  pass"));  // PR_SET_DUMPABLE
  // In a process whose first thread has ended.
  expect_counted(memory_files("import threading\n"
                              "def go_on():\n"
                              "  time.sleep(1.5); print(\"ESCAPED\", flush=True); os._exit(0)\n"
                              "threading.Thread(target=go_on).start()",
                              "  if i == 3: libc.syscall(93 if os.uname().machine == \"aarch64\" else 60, 0)"));
}

TEST_CASE("What is mapped of files in memory is not taken for counted where it is not") {
  // A small part of each file comes first in the list of what is mapped.
  expect_counted(memory_files("kept = []",
                              "  kept.append(mmap.mmap(fd, 50 << 20))\n"
                              "  for at in range(0, 50 << 20, 4096): kept[-1][at]\n"
                              "  kept.append(mmap.mmap(fd, 4096)); os.close(fd)"));
  // Written pages of a private mapping belong to the process alone.
  for (const char* maker :
       {"os.memfd_create(\"x\")", "os.open(\"/tmp/x\", os.O_RDWR | os.O_CREAT)"}) {
    expect_counted("python3 -c 'import mmap, os, time\n"
                   "fd = " + std::string(maker) + "\n"
                   "os.posix_fallocate(fd, 0, 1 << 20)\n"
                   "kept = [mmap.mmap(fd, 1 << 20, mmap.MAP_PRIVATE) for i in range(200)]\n"
                   "for data in kept:\n"
                   "  for at in range(0, 1 << 20, 4096): data[at] = 1\n"
                   "time.sleep(1)\n"
                   "print(\"ESCAPED\")'");
  }
}

TEST_CASE("System V shared memory counts against the limit") {
  expect_counted("python3 -c 'import ctypes, time\n"
                 "libc = ctypes.CDLL(None)\n"
                 "libc.shmat.restype = ctypes.c_void_p\n"
                 "libc.shmdt.argtypes = [ctypes.c_void_p]\n"
                 "for i in range(4):\n"
                 "  segment = libc.shmget(0, ctypes.c_size_t(50 << 20), 0o1600)\n"
                 "  at = libc.shmat(segment, None, 0)\n"
                 "  assert segment >= 0\n"
                 "  ctypes.memset(at, 1, 50 << 20)\n"
                 "  libc.shmdt(at)\n"
                 "time.sleep(1)\n"
                 "print(\"ESCAPED\")'");
}

TEST_CASE("A file cannot grow beyond the limit") {
  expect_blocked({.script = "head -c 30M /dev/zero > big; "
                            "test $(stat -c %s big) -gt 20000000 && echo ESCAPED; rm -f big",
                  .prepare = [](Arena& arena) { arena.profile.file_bytes_max = 10 * kMiB; },
                  .allow = [](Arena&, Profile& profile) { profile.file_bytes_max = 50 * kMiB; }});
}

TEST_CASE("A limit once set cannot be raised") {
  expect_blocked({.script = "python3 -c 'import resource as r\n"
                            "r.setrlimit(r.RLIMIT_FSIZE, (40 << 20, 40 << 20))\n"
                            "print(\"ESCAPED\")'",
                  .tools = {"python3"},
                  .prepare = [](Arena& arena) { arena.profile.file_bytes_max = 10 * kMiB; },
                  .allow = [](Arena&, Profile& profile) { profile.file_bytes_max = 50 * kMiB; }});
}

TEST_CASE("A command cannot run longer than the limit") {
  expect_blocked({.script = "trap '' TERM INT HUP; sleep 2; sleep 1; echo ESCAPED",
                  .prepare =
                      [](Arena& arena) { arena.profile.time_max = std::chrono::seconds(1); },
                  .allow = [](Arena&, Profile& profile) {
                    profile.time_max = std::chrono::seconds(30);
                  }});
}

}  // namespace corvid::attacks
