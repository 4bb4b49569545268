// Git data that a command plants in the workspace must not run programs outside of the sandbox:
// also where Corvid itself is ended before the command is.

#include <catch2/catch.hpp>

#include <csignal>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;
namespace fs = std::filesystem;

namespace {

// The user's own git in `folder`; true when it ran what the planted settings name.
bool git_runs_planted(const Scene& scene, const std::string& folder) {
  const fs::path mark = scene.root() / "escaped";
  fs::remove(mark);
  run_process({"git", "-C", (scene.workspace() / folder).string(), "status"}, {});
  return fs::exists(mark);
}

std::string planting(const Scene& scene, const std::string& folder) {
  return "git init -q " + folder + " && git -C " + folder + " config core.fsmonitor 'touch " +
         (scene.root() / "escaped").string() + "; false'";
}

// A folder with HEAD alone, whose other data are elsewhere.
std::string planting_in_two(const Scene& scene, const std::string& folder) {
  return "mkdir -p " + folder + " && cd " + folder +
         " && mkdir -p evil/objects evil/refs && printf 'ref: refs/heads/x\\n' > HEAD && "
         "echo evil > commondir && printf '[core]\\n\\tworktree = %s\\n' \"$PWD\" > config.worktree "
         "&& printf '[core]\\n\\trepositoryformatversion = 0\\n\\tfsmonitor = \"touch " +
         (scene.root() / "escaped").string() +
         "; false\"\\n[extensions]\\n\\tworktreeConfig = true\\n' > evil/config";
}

bool has_git() {
  const bool found = run_process({"/bin/sh", "-c", "command -v git"}, {}).exit_code == 0;
  if (!found) WARN("SKIP: no git here");
  return found;
}

// Runs the script's first command up to the mark that it leaves, and sends the signal then.
ProcessResult run_until_signal(const Scene& scene, const std::string& command, int signal) {
  const std::string model = scene.script(
      {call("shell", {{"command", command + " && touch planted && sleep 60"}}),
       call("finish", {{"summary", "done"}}), call("finish", {{"summary", "done"}})});
  const std::string program = std::string(CORVID_BINARY_DIR) + "/corvid";
  const std::string script =
      "env --default-signal=HUP " + program + " run 'do it' --workspace " +
      scene.workspace().string() + " --model " + model + " --json & pid=$!; cd " +
      scene.workspace().string() +
      "; while ! test -e planted && kill -0 $pid; do sleep 0.05; done; kill -" +
      std::to_string(signal) + " $pid; wait $pid";
  return run_process({"/bin/sh", "-c", script},
                     {{"XDG_DATA_HOME", (scene.root() / "data").string()},
                      {"XDG_CACHE_HOME", (scene.root() / "cache").string()},
                      {"XDG_CONFIG_HOME", (scene.root() / "config").string()}});
}

}  // namespace

TEST_CASE("what a command plants as git data does not run when its user calls git") {
  if (!namespaces_work() || !has_git()) return;
  for (const bool in_two : {false, true}) {
    const Scene scene;
    const std::string command =
        in_two ? planting_in_two(scene, "vendor") : planting(scene, "vendor");
    REQUIRE(run_process({"/bin/sh", "-c", "cd " + scene.workspace().string() + " && " + command},
                        {}).exit_code == 0);
    CHECK(git_runs_planted(scene, "vendor"));  // the control: planted by its user
    fs::remove_all(scene.workspace() / "vendor");
    const Json result = result_of(scene.run({call("shell", {{"command", command}}),
                                             call("finish", {{"summary", "done"}})}));
    CHECK(result.at("message").get<std::string>().find("may run programs on the host") !=
          std::string::npos);
    CHECK(fs::exists(scene.workspace() / "vendor"));
    CHECK_FALSE(git_runs_planted(scene, "vendor"));
  }
}

TEST_CASE("what a command had planted when Corvid was ended does not run either") {
  if (!namespaces_work() || !has_git()) return;
  for (const int signal : {SIGHUP, SIGKILL}) {
    for (const bool is_undone : {false, true}) {
      const Scene scene;
      CAPTURE(signal, is_undone);
      const ProcessResult ended = run_until_signal(scene, planting(scene, "sub"), signal);
      REQUIRE(fs::exists(scene.workspace() / "planted"));
      if (signal == SIGHUP) {
        CHECK(result_of(ended).at("status") == "interrupted");
        CHECK_FALSE(git_runs_planted(scene, "sub"));
        break;
      }
      CHECK(fs::exists(scene.workspace() / "sub/.git"));
      if (is_undone) {
        const ProcessResult undone =
            scene.corvid({"sessions", "undo", "--workspace", scene.workspace().string()});
        CHECK(undone.err.find("sub/.git is new") != std::string::npos);
      } else {
        const std::string id = json_lines(ended.out).at(0).at("id");
        const Json result = result_of(scene.corvid({"run", "--resume", id, "--json"}));
        CHECK(result.at("message").get<std::string>().find("sub/.git is new") !=
              std::string::npos);
      }
      CHECK_FALSE(git_runs_planted(scene, "sub"));
    }
  }
}

TEST_CASE("a repository that a person makes during a run keeps its work") {
  if (!namespaces_work() || !has_git()) return;
  const Scene scene;
  // As if by a person: its settings run a program, so it is set aside.
  const std::string making = planting(scene, "mine") +
                             " && cd mine && echo work > w && git add w && git -c user.name=a -c "
                             "user.email=a@b.c commit -qm work";
  const Json result = result_of(
      scene.run({call("shell", {{"command", making}}), call("finish", {{"summary", "done"}})}));
  CHECK_FALSE(fs::exists(scene.workspace() / "mine/.git"));
  const ProcessResult undone =
      scene.corvid({"sessions", "undo", "--workspace", scene.workspace().string(), "--force"});
  CHECK(undone.exit_code == 0);
  const fs::path aside = scene.workspace() / "mine/.git-set-aside-1/.git";
  fs::rename(aside / "HEAD-set-aside", aside / "HEAD");
  const ProcessResult log =
      run_process({"git", "--git-dir", aside.string(), "-c", "core.fsmonitor=", "show", "HEAD:w"},
                  {});
  CHECK(log.out == "work\n");
}
