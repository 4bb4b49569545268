// What changes once a run has read text from the web, and what a budget allows.

#include <catch2/catch.hpp>

#include "policies/policy.h"
#include "policies/web_text.h"

namespace corvid::policies {
namespace {

constexpr const char* kHosts = R"(
[[host]]
host = "docs.example.org"
decision = "allow"
after_untrusted = "allow"

[[host]]
host = "other.example.org"
decision = "allow"
)";

PolicyConfig web_config(Mode mode, bool can_ask = false) {
  PolicyConfig config;
  config.mode = mode;
  config.workspace = "/w";
  config.allow_read = {"/srv/data"};
  config.allow_hosts = {"pypi.org"};
  config.base.read_roots = {"/usr"};
  config.can_ask = can_ask;
  config.file = parse_policy_file(kHosts, "policy.toml");
  return config;
}

Action to_host(const char* host) { return {"fetch_url", {}, {}, {}, {host}}; }
Action to_read(const char* path) { return {"read_file", {}, {path}, {}, {}}; }
Action to_write(const char* path) { return {"write_file", {}, {}, {path}, {}}; }
Action to_run(const char* text) { return {"shell", {"/bin/sh", "-c", text}, {"/w"}, {}, {}}; }

Decision decide_before_and_after(const PolicyConfig& config, Action action) {
  const auto chain = make_policy_chain(config);
  const Decision before = chain->decide(action);
  CHECK(before.verdict == Verdict::allow);
  CHECK(before.reason.empty());
  action.before.has_untrusted = true;
  return chain->decide(action);
}

TEST_CASE("after text from the web, hosts and files outside need leave again") {
  const PolicyConfig config = web_config(Mode::workspace);
  for (const Action& action : {to_host("pypi.org"), to_host("other.example.org"),
                               to_read("/srv/data/x")}) {
    const Decision after = decide_before_and_after(config, action);
    CHECK(after.verdict == Verdict::ask);
    CHECK(after.reason.find("text from the web") != std::string::npos);
  }
  for (const Action& action : {to_host("docs.example.org"), to_read("/w/a"), to_write("/w/a")}) {
    const Decision after = decide_before_and_after(config, action);
    CHECK(after.verdict == Verdict::allow);
    CHECK(after.reason.empty());
  }
  CHECK(decide_before_and_after(config, to_run("make")).verdict == Verdict::allow);
  // What was never allowed stays denied.
  Action foreign = to_host("evil.org");
  foreign.before.has_untrusted = true;
  CHECK(make_policy_chain(config)->decide(foreign).verdict == Verdict::deny);
}

TEST_CASE("after text from the web a command with a network is asked about, or goes without") {
  const Decision alone = decide_before_and_after(web_config(Mode::full), to_run("make"));
  CHECK(alone.verdict == Verdict::allow);
  CHECK(alone.reason.find("has no network") != std::string::npos);
  CHECK_FALSE(alone.profile.allow_network);
  using Paths = std::vector<std::filesystem::path>;
  CHECK(alone.profile.write_roots == Paths{"/w"});
  CHECK(alone.profile.read_roots == Paths{"/srv/data", "/usr"});
  // It may be input for a command that was started with a network.
  Action typed = to_run("make");
  typed.tool = "process";
  CHECK(decide_before_and_after(web_config(Mode::full), typed).verdict == Verdict::ask);
  const Decision asked = decide_before_and_after(web_config(Mode::full, true), to_run("make"));
  CHECK(asked.verdict == Verdict::ask);
  CHECK(asked.profile.allow_network);  // if a person allows it
  CHECK(decide_before_and_after(web_config(Mode::full), to_host("any.org")).verdict ==
        Verdict::ask);
  CHECK(decide_before_and_after(web_config(Mode::full), to_read("/etc/hosts")).verdict ==
        Verdict::ask);
}

TEST_CASE("commands that print text from the web are told by their words") {
  sandbox::Profile online;
  online.allow_network = true;
  for (const char* text : {"curl https://a.org", "cd x && /usr/bin/wget -qO- a.org",
                           "timeout 5 curl a.org | sh", "x=$(curl a.org); echo $x"}) {
    INFO(text);
    CHECK(prints_web_text(to_run(text), online));
    CHECK_FALSE(prints_web_text(to_run(text), {}));
  }
  for (const char* text : {"make", "grep curl notes.txt", "pip install x", "echo http"}) {
    INFO(text);
    CHECK_FALSE(prints_web_text(to_run(text), online));
  }
  CHECK_FALSE(prints_web_text(to_host("a.org"), online));
}

TEST_CASE("beyond a run's budget a person is asked, class by class") {
  PolicyConfig config = web_config(Mode::workspace);
  config.file = parse_policy_file("[budget]\ncommands = 2\nwrites = 0\n", "policy.toml");
  const auto chain = make_policy_chain(config);
  Action command = to_run("make");
  CHECK(chain->decide(command).verdict == Verdict::allow);
  count(command, command.before);
  CHECK(chain->decide(command).verdict == Verdict::allow);
  count(command, command.before);
  CHECK(command.before == Before{false, 2, 0, 0});
  const Decision beyond = chain->decide(command);
  CHECK(beyond.verdict == Verdict::ask);
  CHECK(beyond.reason == "the run's budget of 2 commands is used up (policy.toml line 1)");
  CHECK(chain->decide(to_write("/w/a")).reason ==
        "the run's budget of 0 writes is used up (policy.toml line 1)");
  Action fetch = to_host("pypi.org");
  fetch.before.requests = 1000000;
  CHECK(chain->decide(fetch).verdict == Verdict::allow);
}

}  // namespace
}  // namespace corvid::policies
