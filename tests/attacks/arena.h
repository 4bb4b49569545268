#pragma once
// The ground on which attacks are tried: a workspace with git data, a folder outside of it, a home
// folder with credentials, and a harness process that holds a secret. Each attack must fail in the
// sandbox, and the same attack must succeed in its positive control: otherwise a missing program
// would pass as "blocked".

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "sandbox/sandbox.h"

namespace corvid::attacks {

namespace fs = std::filesystem;

enum class Who { root, user };

inline constexpr unsigned kUserId = 54321;  // nobody else's, so that its processes are ours

inline const char* name_of(Who who) { return who == Who::root ? "root" : "user"; }

// Started by root, each attack is tried as root and as a user.
inline std::vector<Who> identities() {
  if (geteuid() == 0) return {Who::root, Who::user};
  return {Who::user};
}

inline bool has_tool(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/bin/", "/usr/sbin/", "/sbin/"}) {
    if (access((folder + name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

inline void put_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

// A file of /proc, empty when its process is gone: streams throw where one ends while it is read.
inline std::string proc_text(const fs::path& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char buffer[4096];
  for (ssize_t got; fd >= 0 && (got = read(fd, buffer, sizeof buffer)) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  if (fd >= 0) close(fd);
  return text;
}

class Arena {
 public:
  explicit Arena(Who who) : who_(who), dir_("corvid-attack") {
    root_ = fs::canonical(dir_.path());
    fs::permissions(root_, fs::perms(0755));
    put_file(workspace() / "main.py", "print('hello')\n");
    put_file(workspace() / ".git/config", "[core]\n");
    put_file(workspace() / ".git/hooks/sample", "#!/bin/sh\n");
    put_file(outside() / "secret", "the outer secret\n");
    put_file(home() / ".ssh/id_rsa", "the private key\n");
    put_file(home() / ".netrc", "the password\n");
    fs::create_directory(stages());
    fs::permissions(stages(), fs::perms::owner_all);
    fs::copy_file(fs::path(CORVID_BINARY_DIR) / "corvid-jail", jail());
    fs::permissions(jail(), fs::perms(0755));
    profile = sandbox::system_profile({"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
                                       "HOME=" + home().string()});
    profile.home = home();
    profile.write_roots = {workspace()};
    profile.protected_paths = {workspace() / ".git"};
    profile.time_max = std::chrono::seconds(30);
    own();
  }

  fs::path workspace() const { return root_ / "work"; }
  fs::path outside() const { return root_ / "outside"; }
  fs::path home() const { return root_ / "home"; }
  fs::path jail() const { return root_ / "corvid-jail"; }
  fs::path stages() const { return root_ / "stages"; }
  Who who() const { return who_; }

  // Gives everything to the identity that the attack runs as.
  void own() const {
    if (geteuid() != 0) return;
    const unsigned id = who_ == Who::root ? 0 : kUserId;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (lchown(entry.path().c_str(), id, id) != 0) FAIL("chown " << entry.path());
    }
  }

  // Runs `body` in a process of the identity and returns what it returns, at most a few MiB.
  // "ERROR what" when it throws.
  std::string as_identity(const std::function<std::string()>& body) const {
    int fds[2];
    REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    const pid_t child = fork();
    if (child == 0) {
      close(fds[0]);
      _exit(become() ? answer(body, fds[1]) : 3);
    }
    close(fds[1]);
    std::string text;
    char buffer[65536];
    for (ssize_t got; (got = read(fds[0], buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(got));
    }
    close(fds[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) == 0);
    return text;
  }

  // The outcome of `sh -c script` in the workspace. $OUTSIDE, $HARNESS_PID and the like are set.
  sandbox::Outcome run(const std::string& script, const sandbox::Profile& with,
                       const std::string& backend = "linux") const {
    const std::string text = as_identity([&] {
      setenv("CORVID_TEST_TOKEN", "the token", 1);
      const auto box = sandbox::make_sandbox(backend, {.jail = jail(), .stages = stages()});
      sandbox::Command command;
      command.argv = {"/bin/sh", "-c", script};
      command.cwd = workspace();
      command.environment = variables;
      command.environment.push_back("OUTSIDE=" + outside().string());
      command.environment.push_back("HARNESS_PID=" + std::to_string(getpid()));
      command.environment.push_back("TRUE_HOME=" + home().string());
      const sandbox::Outcome outcome = box->run(command, with, {});
      std::ostringstream line;
      line << outcome.exit_code << ' ' << outcome.signal << ' ' << outcome.timed_out << ' '
           << outcome.memory_exceeded << ' ' << outcome.processes_exceeded << ' '
           << outcome.truncated << '\n'
           << outcome.output;
      return line.str();
    });
    if (text.starts_with("ERROR ")) fail(Code::io, text);
    sandbox::Outcome outcome;
    std::istringstream words(text);
    words >> outcome.exit_code >> outcome.signal >> outcome.timed_out >> outcome.memory_exceeded >>
        outcome.processes_exceeded >> outcome.truncated;
    outcome.output = text.substr(text.find('\n') + 1);
    return outcome;
  }

  sandbox::Profile profile;            // what the attacks get
  std::vector<std::string> variables;  // more of them for the script

 private:
  bool become() const {
    if (geteuid() != 0 || who_ == Who::root) return true;
    const bool done = setgroups(0, nullptr) == 0 && setgid(kUserId) == 0 && setuid(kUserId) == 0;
    return done && prctl(PR_SET_DUMPABLE, 1) == 0;  // as a harness that this user started is
  }

  static int answer(const std::function<std::string()>& body, int fd) {
    std::string text;
    try {
      text = body();
    } catch (const Error& error) {
      text = std::string("ERROR ") + error.what();
    }
    for (size_t done = 0; done < text.size();) {
      const ssize_t put = write(fd, text.data() + done, text.size() - done);
      if (put <= 0) return 2;
      done += static_cast<size_t>(put);
    }
    return 0;
  }

  Who who_;
  TempDir dir_;
  fs::path root_;
};

// One attack: it has succeeded when the script printed ESCAPED, or when `has_escaped` says so.
struct Attack {
  const char* script = "";
  std::vector<std::string> tools = {};                 // SKIP where one is missing
  std::function<void(Arena&)> prepare = {};              // before both runs
  std::function<bool(Arena&)> has_escaped = {};          // looks at the host after the run
  // Makes the control's profile; without it the control runs without a sandbox.
  std::function<void(Arena&, sandbox::Profile&)> allow = {};
  bool control_needs_root = false;  // ordinary users cannot do it outside of a sandbox either
  bool needs_namespaces = false;    // what the sandbox on copies does not promise
  const char* skip_when = "";  // the control prints this where the kernel itself forbids the attack
};

inline bool succeeds(const Attack& attack, Arena& arena, const sandbox::Outcome& outcome) {
  if (attack.has_escaped) return attack.has_escaped(arena);
  return outcome.output.find("ESCAPED") != std::string::npos;
}

inline std::string missing_layers() {
  const auto report = sandbox::detect_layers(fs::path(CORVID_BINARY_DIR) / "corvid-jail");
  return report.missing();
}

// With namespaces, and without.
inline std::vector<std::string> backends_here() {
  const auto report = sandbox::detect_layers(fs::path(CORVID_BINARY_DIR) / "corvid-jail");
  std::vector<std::string> backends;
  if (report.complete()) backends.emplace_back("linux");
  if (report.allows_copies()) backends.emplace_back("staged");
  return backends;
}

// Says SKIP where there is none.
inline std::vector<std::pair<Who, std::string>> cases_here() {
  std::vector<std::pair<Who, std::string>> cases;
  for (const Who who : identities()) {
    for (const std::string& backend : backends_here()) cases.emplace_back(who, backend);
  }
  if (cases.empty()) WARN("SKIP: " << missing_layers());
  return cases;
}

inline void expect_blocked(const Attack& attack) {
  for (const std::string& tool : attack.tools) {
    if (!has_tool(tool)) {
      WARN("SKIP: no " << tool << " here");
      return;
    }
  }
  const std::vector<std::string> backends = backends_here();
  if (backends.empty()) {
    WARN("SKIP: " << missing_layers());
    return;
  }
  for (const Who who : identities()) {
    INFO("as " << name_of(who));
    for (const std::string& backend : backends) {
      if (attack.needs_namespaces && backend == "staged") continue;
      Arena arena(who);
      if (attack.prepare) attack.prepare(arena);
      const sandbox::Outcome outcome = arena.run(attack.script, arena.profile, backend);
      INFO(backend << ", attack: exit " << outcome.exit_code << "\n" << outcome.output);
      CHECK_FALSE(succeeds(attack, arena, outcome));
    }
    if (attack.control_needs_root && who == Who::user) continue;
    Arena arena(who);
    if (attack.prepare) attack.prepare(arena);
    sandbox::Profile allowed = arena.profile;
    if (attack.allow) attack.allow(arena, allowed);
    const sandbox::Outcome outcome =
        arena.run(attack.script, allowed, attack.allow ? backends.front() : "none");
    if (*attack.skip_when != '\0' && outcome.output.find(attack.skip_when) != std::string::npos) {
      WARN("SKIP control: this kernel forbids it to everybody");
      continue;
    }
    INFO("control: exit " << outcome.exit_code << "\n" << outcome.output);
    CHECK(succeeds(attack, arena, outcome));
  }
}

}  // namespace corvid::attacks
