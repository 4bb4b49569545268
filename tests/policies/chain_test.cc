#include "policies/chain.h"

#include <catch2/catch.hpp>
#include <functional>

#include "policies/rules/rule.h"
#include "runtime/base/error.h"

namespace corvid::policies {
namespace {

using sandbox::Profile;

class Fixed final : public Policy {
 public:
  explicit Fixed(Decision decision) : decision_(std::move(decision)) {}
  Decision decide(const Action&) const override { return decision_; }

 private:
  Decision decision_;
};

Decision decide(std::vector<Decision> decisions) {
  std::vector<std::unique_ptr<Policy>> rules;
  for (Decision& decision : decisions) rules.push_back(std::make_unique<Fixed>(decision));
  return Chain(std::move(rules)).decide({});
}

Profile writing(std::vector<std::filesystem::path> roots) {
  Profile profile;
  profile.write_roots = std::move(roots);
  return profile;
}

PolicyConfig config_of(Mode mode) {
  PolicyConfig config;
  config.mode = mode;
  config.workspace = "/home/user/project";
  config.allow_read = {"/srv/data"};
  config.allow_hosts = {"pypi.org", "*.example.org", "127.0.0.1:8080"};
  config.base.read_roots = {"/usr"};
  config.base.home = "/home/user";
  config.base.hidden_paths = {"/home/user/.ssh", "/home/user/project/keys", "/srv/data/keys"};
  return config;
}

Action writes(const char* path) { return {"write_file", {}, {}, {path}, {}}; }
Action reads(const char* path) { return {"read_file", {}, {path}, {}, {}}; }
Action runs(std::vector<std::string> argv) { return {"shell", std::move(argv), {}, {}, {}}; }
Action calls(const char* host) { return {"fetch", {}, {}, {}, {host}}; }

}  // namespace

TEST_CASE("A chain without rules denies") {
  const Decision decision = decide({});
  CHECK(decision.verdict == Verdict::deny);
  CHECK_FALSE(decision.reason.empty());
}

TEST_CASE("The strictest verdict wins, with its reason") {
  const Decision allow{Verdict::allow, "", {}};
  const Decision ask{Verdict::ask, "see it first", {}};
  const Decision deny{Verdict::deny, "never", {}};
  CHECK(decide({allow, allow}).verdict == Verdict::allow);
  CHECK(decide({allow, ask}).verdict == Verdict::ask);
  CHECK(decide({ask, allow}).reason == "see it first");
  CHECK(decide({ask, deny, allow}).verdict == Verdict::deny);
  CHECK(decide({ask, deny, allow}).reason == "never");
  CHECK(decide({deny}).profile == Profile());
}

TEST_CASE("The profile is what all rules allow") {
  Profile network = writing({"/a", "/b"});
  network.allow_network = true;
  const Decision decision = decide({{Verdict::allow, "", network},
                                    {Verdict::allow, "", writing({"/b", "/c"})}});
  CHECK(decision.profile == writing({"/b"}));
}

TEST_CASE("Intersecting profiles never widens either") {
  Profile a;
  a.read_roots = {"/usr", "/data"};
  a.write_roots = {"/project/a", "/project/b/deep"};
  a.protected_paths = {"/project/a/.git"};
  a.environment = {"A=1", "B=2"};
  a.memory_bytes_max = 10;
  Profile b;
  b.read_roots = {"/usr/lib", "/project/a"};
  b.write_roots = {"/project/b"};
  b.hidden_paths = {"/data/secret"};
  a.allowed_hosts = {"a.org", "b.org"};
  b.allowed_hosts = {"b.org", "c.org"};
  b.denied_hosts = {"d.org"};
  b.environment = {"B=2", "A=2"};
  b.time_max = std::chrono::milliseconds(5);
  const Profile both = intersect(a, b);
  using Paths = std::vector<std::filesystem::path>;
  CHECK(both.write_roots == Paths{"/project/b/deep"});
  CHECK(both.read_roots == Paths{"/project/a", "/usr/lib"});
  CHECK(both.protected_paths == a.protected_paths);
  CHECK(both.hidden_paths == b.hidden_paths);
  CHECK(both.environment == std::vector<std::string>{"B=2"});
  CHECK(both.allowed_hosts == std::vector<std::string>{"b.org"});
  CHECK(both.denied_hosts == b.denied_hosts);
  CHECK(both.memory_bytes_max == 10);
  CHECK(both.time_max == std::chrono::milliseconds(5));
  CHECK_FALSE(both.allow_network);
  const Profile same = intersect(a, a);
  CHECK(same == a);
  CHECK(intersect(a, Profile()).read_roots.empty());
}

TEST_CASE("What a mode allows, action by action") {
  struct Row {
    Mode mode;
    Action action;
    Verdict verdict;
  };
  const Row rows[] = {
      {Mode::workspace, writes("/home/user/project/a.py"), Verdict::allow},
      {Mode::read_only, writes("/home/user/project/a.py"), Verdict::deny},
      {Mode::full, writes("/home/user/project/a.py"), Verdict::allow},
      {Mode::workspace, writes("/home/user/project"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project2/a.py"), Verdict::deny},
      {Mode::workspace, writes("/home/user/other"), Verdict::deny},
      {Mode::full, writes("/home/user/other"), Verdict::deny},
      {Mode::workspace, writes("/srv/data/x"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/../x"), Verdict::deny},
      {Mode::workspace, writes("project/a.py"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/.git/config"), Verdict::deny},
      {Mode::full, writes("/home/user/project/.git/hooks/pre-commit"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/.GIT/config"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/sub/.git/config"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/.gitignore"), Verdict::allow},
      {Mode::workspace, writes("/home/user/project/.corvid/config.toml"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/.agents/skills/x"), Verdict::deny},
      {Mode::workspace, reads("/home/user/project/.git/config"), Verdict::allow},
      {Mode::workspace, reads("/home/user/project"), Verdict::allow},
      {Mode::read_only, reads("/home/user/project/a.py"), Verdict::allow},
      {Mode::workspace, reads("/srv/data/x"), Verdict::allow},
      {Mode::workspace, reads("/srv/database"), Verdict::deny},
      {Mode::workspace, reads("/etc/passwd"), Verdict::deny},
      {Mode::full, reads("/etc/passwd"), Verdict::allow},
      {Mode::full, reads("/home/user/.ssh/id_rsa"), Verdict::deny},
      {Mode::workspace, reads("/home/user/project/keys/id"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/keys/id"), Verdict::deny},
      {Mode::workspace, writes("/home/user/project/keys.py"), Verdict::allow},
      {Mode::workspace, reads("/srv/data/keys"), Verdict::deny},
      {Mode::workspace, runs({"make", "test"}), Verdict::allow},
      {Mode::read_only, runs({"make", "test"}), Verdict::allow},
      {Mode::workspace, runs({"sudo", "make"}), Verdict::deny},
      {Mode::full, runs({"/usr/bin/sudo", "make"}), Verdict::deny},
      {Mode::workspace, runs({"/bin/sh", "-c", "sudo make install"}), Verdict::deny},
      {Mode::workspace, runs({"sh", "-c", "git push origin main"}), Verdict::ask},
      {Mode::workspace, runs({"git", "push"}), Verdict::ask},
      {Mode::workspace, runs({"git", "status"}), Verdict::allow},
      {Mode::workspace, runs({"sh", "-c", "echo 'sudo'"}), Verdict::allow},
      {Mode::workspace, calls("pypi.org"), Verdict::allow},
      {Mode::workspace, calls("PyPI.org."), Verdict::allow},
      {Mode::workspace, calls("api.example.org"), Verdict::allow},
      {Mode::workspace, calls("example.org"), Verdict::deny},
      {Mode::workspace, calls("evilexample.org"), Verdict::deny},
      {Mode::workspace, calls("pypi.org.evil.net"), Verdict::deny},
      {Mode::workspace, calls(""), Verdict::deny},
      {Mode::workspace, calls("pypi.org:8443"), Verdict::allow},
      {Mode::workspace, calls("127.0.0.1:8080"), Verdict::allow},
      {Mode::workspace, calls("127.0.0.1"), Verdict::deny},
      {Mode::workspace, calls("127.0.0.1:8081"), Verdict::deny},
      {Mode::workspace, calls("127.1:8080"), Verdict::deny},
      {Mode::workspace, calls("pypi.org/"), Verdict::deny},
      {Mode::full, calls("anything.net"), Verdict::allow},
  };
  for (const Row& row : rows) {
    const Decision decision = make_policy_chain(config_of(row.mode))->decide(row.action);
    std::string subject = row.action.tool + " in mode " + std::string(mode_name(row.mode));
    for (const auto& path : row.action.writes) subject += " " + path.string();
    for (const auto& path : row.action.reads) subject += " " + path.string();
    for (const auto& word : row.action.argv) subject += " " + word;
    for (const auto& host : row.action.hosts) subject += " " + host;
    INFO(subject << ": " << decision.reason);
    CHECK(decision.verdict == row.verdict);
    CHECK((decision.verdict == Verdict::allow) == decision.reason.empty());
  }
}

TEST_CASE("The profile of a command follows the mode") {
  using Paths = std::vector<std::filesystem::path>;
  const Action action = runs({"make"});
  const Profile work = make_policy_chain(config_of(Mode::workspace))->decide(action).profile;
  CHECK(work.write_roots == Paths{"/home/user/project"});
  CHECK(work.read_roots == Paths{"/usr", "/srv/data"});
  CHECK_FALSE(work.allow_network);
  CHECK(work.home == "/home/user");
  CHECK(work.protected_paths.front() == "/home/user/project/.git");
  const Profile look = make_policy_chain(config_of(Mode::read_only))->decide(action).profile;
  CHECK(look.write_roots.empty());
  CHECK(look.read_roots == Paths{"/usr", "/srv/data", "/home/user/project"});
  const Profile full = make_policy_chain(config_of(Mode::full))->decide(action).profile;
  CHECK(full.write_roots == Paths{"/home/user/project"});
  CHECK(full.read_roots.front() == "/");
  CHECK(full.allow_network);
  CHECK(full.hidden_paths == config_of(Mode::full).base.hidden_paths);
}

TEST_CASE("Commands reach the hosts that are allowed, and what is no host is refused") {
  PolicyConfig config = config_of(Mode::workspace);
  config.file.allow_hosts = {"files.example.net"};
  config.file.deny_hosts = {"bad.example.org"};
  const auto chain = make_policy_chain(config);
  const Profile profile = chain->decide(runs({"make"})).profile;
  CHECK(profile.allowed_hosts == std::vector<std::string>{"pypi.org", "*.example.org",
                                                          "127.0.0.1:8080", "files.example.net"});
  CHECK(profile.denied_hosts == config.file.deny_hosts);
  CHECK(chain->decide(calls("good.example.org")).verdict == Verdict::allow);
  const Decision denied = chain->decide(calls("BAD.example.org:443"));
  CHECK(denied.verdict == Verdict::deny);
  CHECK(denied.reason.find("denied by a rule") != std::string::npos);
  config.allow_hosts = {"https://pypi.org"};
  CHECK_THROWS_AS(make_policy_chain(config), Error);
}

TEST_CASE("Modes are read and written by their names") {
  for (const Mode mode : {Mode::read_only, Mode::workspace, Mode::full}) {
    CHECK(parse_mode(mode_name(mode)) == mode);
  }
  CHECK_THROWS_AS(parse_mode("everything"), Error);
}

TEST_CASE("A workspace that is not a normal path of a folder is refused") {
  for (const char* path : {"", "/", "relative", "/a/../b", "/a/"}) {
    PolicyConfig config = config_of(Mode::workspace);
    config.workspace = path;
    INFO(path);
    CHECK_THROWS_AS(make_policy_chain(config), Error);
  }
}

}  // namespace corvid::policies
