#include <chrono>
#include <thread>

#include "tests/attacks/arena.h"

namespace corvid::attacks {
namespace {

using sandbox::Profile;

// Calls the C library's `syscall` from Python; the code goes on after it with `call` defined.
const std::string kPython =
    "import ctypes, os\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "def call(*arguments):\n"
    "  result = libc.syscall(*arguments)\n"
    "  return result if result >= 0 else -ctypes.get_errno()\n";

// Waits until `done` is true, at most ten seconds.
bool comes_true(const std::function<bool()>& done) {
  for (int i = 0; i < 500; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

// The number of processes on this machine with `word` in their command line.
int count_processes(const std::string& word) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (proc_text(entry.path() / "cmdline").find(word) != std::string::npos) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("Secrets in the harness's environment are not inherited") {
  expect_blocked({.script = "env | grep -q CORVID_TEST_TOKEN && echo ESCAPED"});
}

TEST_CASE("The harness's environment cannot be read through /proc") {
  expect_blocked({.script = "cat /proc/*/environ | tr '\\0' '\\n' | grep -q '^CORVID_TEST_TOKEN=' "
                            "&& echo ESCAPED"});
}

TEST_CASE("The host's files cannot be reached through another process's root") {
  expect_blocked({.script = "for p in /proc/[0-9]*; do "
                            "grep -q outer \"$p/root$OUTSIDE/secret\" && echo ESCAPED; "
                            "grep -q outer \"$p/cwd/../outside/secret\" && echo ESCAPED; done"});
}

TEST_CASE("Other processes of the machine are not seen") {
  expect_blocked({.script = "n=$(ls /proc | grep -c '^[0-9]'); test \"$n\" -gt 8 && echo ESCAPED; "
                            "test -d \"/proc/$HARNESS_PID/fd\" && echo ESCAPED",
                  .needs_namespaces = true});
}

TEST_CASE("The harness cannot be signalled") {
  expect_blocked({.script = "kill -0 \"$HARNESS_PID\" && echo ESCAPED"});
}

TEST_CASE("The first process of the sandbox can neither be killed nor looked into") {
  expect_blocked({.script = "victim=${VICTIM:-1}; test -n \"$START\" && { sleep 20 & victim=$!; }; "
                            "cat /proc/$victim/maps >/dev/null && echo ESCAPED; kill -9 $victim; "
                            "sleep 0.2; kill -0 1 && exit 0",
                  .allow = [](Arena& arena, Profile&) { arena.variables = {"START=1"}; }});
}

TEST_CASE("Processes cannot be traced") {
  expect_blocked({.script = "python3 -c '" "import ctypes\n"
                            "libc = ctypes.CDLL(None)\n"
                            "print(\"ESCAPED\" if libc.ptrace(0, 0, 0, 0) == 0 else \"no\")'",
                  .tools = {"python3"}});
}

TEST_CASE("The memory of a sibling cannot be read") {
  static const std::string script =
      "cat > read.py <<'END'\n" + kPython +
      "import time\n"
      "data = ctypes.create_string_buffer(b'treasure')\n"
      "child = os.fork()\n"
      "if child == 0: time.sleep(20); os._exit(0)\n"
      "class Vec(ctypes.Structure): _fields_ = [('at', ctypes.c_void_p), ('n', ctypes.c_size_t)]\n"
      "into = ctypes.create_string_buffer(8)\n"
      "mine, theirs = Vec(ctypes.addressof(into), 8), Vec(ctypes.addressof(data), 8)\n"
      "got = libc.process_vm_readv(child, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)\n"
      "os.kill(child, 9)\n"
      "print('ESCAPED' if got == 8 and into.raw == b'treasure' else 'no')\n"
      "END\npython3 read.py";
  expect_blocked({.script = script.c_str(), .tools = {"python3"}});
}

TEST_CASE("No process survives its command") {
  expect_blocked({.script = "(setsid sh -c 'sleep 1; echo x > survived' >/dev/null 2>&1 &) ; "
                            "setsid setsid sh -c 'sleep 1; echo x > survived' >/dev/null 2>&1 &"
                            "sleep 0.4",  // until they have left the command's process group
                  .has_escaped = [](Arena& arena) {
                    std::this_thread::sleep_for(std::chrono::milliseconds(1800));
                    return fs::exists(arena.workspace() / "survived");
                  }});
}

TEST_CASE("No process survives a harness that is killed") {
  for (const auto& [who, backend] : cases_here()) {
    INFO(backend << " as " << name_of(who));
    Arena arena(who);
    fs::remove_all(arena.workspace() / ".git");
    arena.own();
    const std::string number = "77" + std::to_string(getpid()) + "." + std::to_string(int(who)) +
                               std::to_string(backend.size());
    const pid_t harness = fork();
    if (harness == 0) {
      arena.run("sleep " + number + " & setsid sleep " + number + "; true", arena.profile,
                backend);
      _exit(0);
    }
    CHECK(comes_true([&] { return count_processes(number) > 2; }));  // the shell and both sleeps
    // Another process, of the identity, runs the sandbox: it is killed first, then the one above.
    const std::string task = "/proc/" + std::to_string(harness);
    std::ifstream file(task + "/task/" + std::to_string(harness) + "/children");
    kill(harness, SIGSTOP);
    for (int child = 0; file >> child;) kill(child, SIGKILL);
    kill(harness, SIGKILL);
    waitpid(harness, nullptr, 0);
    CHECK(comes_true([&] { return count_processes(number) == 0; }));
    CHECK(comes_true([&] { return !fs::exists(arena.workspace() / ".git"); }));
  }
}

TEST_CASE("A program in memory is as confined as one in a file") {
  expect_blocked({.script = "python3 -c 'import os, sys\n"
                            "fd = os.memfd_create(\"x\", 0)\n"
                            "os.write(fd, open(\"/bin/sh\", \"rb\").read())\n"
                            "evil = \"mkdir -p $OUTSIDE; echo evil > $OUTSIDE/new\"\n"
                            "os.execve(fd, [\"sh\", \"-c\", evil], dict(os.environ))'",
                  .tools = {"python3"},
                  .has_escaped = [](Arena& arena) { return fs::exists(arena.outside() / "new"); }});
}

TEST_CASE("A library of the workspace that programs are made to load is as confined as they are") {
  expect_blocked({.script = "printf '#include <stdio.h>\\n#include <stdlib.h>\\n"
                            "__attribute__((constructor)) static void f(void) {\\n"
                            "FILE* file = fopen(getenv(\"TARGET\"), \"w\");\\n"
                            "if (file) fputs(\"evil\", file), fclose(file); }\\n' > evil.c; "
                            "cc -shared -fPIC -o evil.so evil.c; "
                            "TARGET=\"$OUTSIDE/new\" LD_PRELOAD=\"$PWD/evil.so\" ls",
                  .tools = {"cc"},
                  .has_escaped = [](Arena& arena) { return fs::exists(arena.outside() / "new"); }});
}

TEST_CASE("A library named in the harness's environment is not loaded into commands") {
  expect_blocked({.script = "env | grep -q '^LD_' && echo ESCAPED",
                  .prepare = [](Arena&) { setenv("LD_BIND_NOW", "1", 1); }});
  unsetenv("LD_BIND_NOW");
}

TEST_CASE("Files that the harness has open are not open in the command") {
  static int secret = -1;
  expect_blocked({.script = "for fd in 3 4 5 6 7 8 9; do "
                            "grep -q outer <&$fd && echo ESCAPED; done 2>/dev/null",
                  .prepare =
                      [](Arena& arena) {
                        if (secret >= 0) close(secret);
                        secret = open((arena.outside() / "secret").c_str(), O_RDONLY);
                        dup2(secret, 8);  // inheritable
                      }});
  close(secret);
  close(8);
}

TEST_CASE("A set-user-id program gives no privileges") {
  expect_blocked({.script = "cp /usr/bin/id own; chmod 4755 own; "
                            "grep -q 'NoNewPrivs:.*1' /proc/self/status || echo ESCAPED"});
}

}  // namespace corvid::attacks
