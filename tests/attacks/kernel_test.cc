#include "tests/attacks/arena.h"

namespace corvid::attacks {
namespace {

// Python that makes one system call and prints ESCAPED unless it was refused as a matter of policy.
// Numbers are those of x86-64 and, from 424 on, of every architecture.
std::string system_call(const std::string& arguments) {
  return "python3 -c 'import ctypes\n"
         "libc = ctypes.CDLL(None, use_errno=True)\n"
         "result = libc.syscall(" + arguments + ")\n"
         "error = ctypes.get_errno()\n"
         "print(\"missing\" if result < 0 and error == 38 else \"\")\n"
         "print(\"refused\" if result < 0 and error == 1 else \"ESCAPED\", error)'";
}

void expect_call_blocked(const std::string& arguments, bool control_needs_root = false) {
#if defined(__x86_64__)
  const std::string script = system_call(arguments);
  expect_blocked({.script = script.c_str(),
                  .tools = {"python3"},
                  .control_needs_root = control_needs_root,
                  .skip_when = "missing"});
#else
  WARN("SKIP: system call numbers of x86-64: " << arguments << control_needs_root);
#endif
}

}  // namespace

TEST_CASE("A user namespace cannot be made") {
  expect_blocked({.script = "unshare --user true && echo ESCAPED", .tools = {"unshare"}});
}

TEST_CASE("Huge pages, which no process's memory tells of, cannot be had") {
  expect_call_blocked("319, b\"x\", 4");  // memfd_create, MFD_HUGETLB
}

TEST_CASE("A user namespace cannot be made with clone either") {
  // CLONE_NEWUSER | SIGCHLD; the child leaves at once.
  expect_blocked({.script = "python3 -c 'import ctypes, os\n"
                            "libc = ctypes.CDLL(None, use_errno=True)\n"
                            "pid = libc.syscall(56 if os.uname().machine == \"x86_64\" else 220,"
                            " 0x10000011, 0, 0, 0, 0)\n"
                            "if pid == 0: os._exit(0)\n"
                            "print(\"ESCAPED\" if pid > 0 else \"no\")'",
                  .tools = {"python3"}});
}

TEST_CASE("Nothing can be mounted") {
  expect_blocked({.script = "mkdir -p here; unshare --user --map-root-user --mount "
                            "mount -t tmpfs none here && echo ESCAPED; "
                            "mount -t tmpfs none here 2>/dev/null && umount here && echo ESCAPED",
                  .tools = {"unshare", "mount"}});
}

TEST_CASE("The root folder cannot be changed") {
  expect_blocked({.script = "chroot . /nonexistent; test $? -eq 127 && echo ESCAPED",
                  .tools = {"chroot"},
                  .control_needs_root = true});
}

TEST_CASE("Device nodes cannot be made, read or written") {
  expect_blocked({.script = "mknod memory c 1 1 && echo ESCAPED; "
                            "for d in /dev/mem /dev/kmsg /dev/vda; do : < $d && echo ESCAPED; done",
                  .tools = {"mknod"},
                  .control_needs_root = true});
}

TEST_CASE("Kernel settings cannot be written") {
  // The control writes back what it has read.
  expect_blocked({.script = "cd /proc/sys/kernel && read value < core_pattern && "
                            "printf '%s\\n' \"$value\" > core_pattern && echo ESCAPED",
                  .control_needs_root = true});
}

TEST_CASE("Kernel settings cannot be written by way of a descriptor's link") {
  expect_blocked({.script = "exec 3< /proc/sys/kernel/core_pattern && read value <&3 && "
                            "printf '%s\\n' \"$value\" > /proc/self/fd/3 && echo ESCAPED",
                  .control_needs_root = true});
}

TEST_CASE("The kernel's view of devices in /sys is out of reach") {
  expect_blocked({.script = "ls /sys/kernel >/dev/null && echo ESCAPED"});
}

TEST_CASE("The kernel's log cannot be read") {
  expect_blocked({.script = "dmesg >/dev/null && echo ESCAPED",
                  .tools = {"dmesg"},
                  .control_needs_root = true});
}

TEST_CASE("A terminal cannot be typed into") {
  expect_blocked({.script = "python3 -c 'import fcntl, os, pty, termios\n"
                            "pid, master = pty.fork()\n"
                            "if pid == 0:\n"
                            "  try: fcntl.ioctl(0, termios.TIOCSTI, b\"x\")\n"
                            "  except OSError as error: os._exit(error.errno)\n"
                            "  os._exit(0)\n"
                            "code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
                            "print({0: \"ESCAPED\", 5: \"missing\"}.get(code, code))'",
                  .tools = {"python3"},
                  .skip_when = "missing"});
}

TEST_CASE("Keyrings cannot be used") { expect_call_blocked("250, 0, -3, 0"); }

TEST_CASE("Asynchronous system calls cannot be set up") {
  expect_call_blocked("425, 4, ctypes.create_string_buffer(120)");
}

TEST_CASE("Programs cannot be loaded into the kernel") {
  expect_call_blocked("321, 0, 0, 0", true);
}

TEST_CASE("Performance counters cannot be opened") {
  expect_call_blocked("298, ctypes.create_string_buffer(128), 0, -1, -1, 0", true);
}

TEST_CASE("Files cannot be opened by handle") {
  expect_call_blocked("304, -100, ctypes.create_string_buffer(24), 0", true);
}

TEST_CASE("Descriptors cannot be taken out of a process") {
  expect_call_blocked("438, libc.syscall(434, libc.getpid(), 0), 0, 0");
}

}  // namespace corvid::attacks
