#include "policies/policy_file.h"

#include <algorithm>
#include <fstream>

#include <unistd.h>

#include <catch2/catch.hpp>

#include "policies/policy.h"
#include "policies/shell_words.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/support/files.h"

namespace corvid::policies {
namespace {

using Argvs = std::vector<std::vector<std::string>>;

constexpr const char* kFile = R"(
[[command]]
prefix = ["git", ["push", "fetch"]]
decision = "ask"
reason = "a person's decision"
match = ["git push origin main", "make && git fetch"]
not_match = ["git status", "echo git push"]

[[command]]
prefix = [["rm", "shred"]]
decision = "deny"

[[path]]
pattern = "secrets/**"
decision = "deny"

[[path]]
pattern = "**/*.lock"
access = "write"
decision = "deny"
reason = "generated"

[[host]]
host = "*.example.org"
decision = "allow"

[[host]]
host = "evil.example.org"
decision = "deny"
)";

std::unique_ptr<Policy> chain() {
  PolicyConfig config;
  config.workspace = "/w";
  config.file = parse_policy_file(kFile, "policy.toml");
  return make_policy_chain(config);
}

Decision run(const std::string& text) {
  return chain()->decide({"shell", {"/bin/sh", "-c", text}, {}, {}, {}});
}

TEST_CASE("plain shell texts are taken apart, others are not") {
  CHECK(split_shell("a b && c 'd e';f|g & h\ni") ==
        Argvs{{"a", "b"}, {"c", "d e"}, {"f"}, {"g"}, {"h"}, {"i"}});
  CHECK(split_shell("A=1 B='x y' make -j2") == Argvs{{"make", "-j2"}});
  CHECK(split_shell("echo \"a;b\"") == Argvs{{"echo", "a;b"}});
  for (const char* text : {"", "a $(b)", "a > b", "a `b`", "(a)", "for x in a; do b; done",
                           "a \"$x\"", "'open", "a\\ b", "ls *", "~/a", "eval x", "! a", "a # b"}) {
    INFO(text);
    CHECK_FALSE(split_shell(text).has_value());
  }
  CHECK(loose_words("x=$(r'm' -rf \"a\")") == std::vector<std::string>{"x", "rm", "-rf", "a"});
}

TEST_CASE("a person's rules narrow what commands may be run, wherever they stand") {
  CHECK(run("git status").verdict == Verdict::allow);
  CHECK(run("git push").verdict == Verdict::ask);
  CHECK(run("make && /usr/bin/git fetch").verdict == Verdict::ask);
  CHECK(run("make; rm -rf build").verdict == Verdict::deny);
  CHECK(run("make; rm -rf build").reason == "forbidden (policy.toml line 9)");
  CHECK(run("for f in a b; do rm $f; done").verdict == Verdict::deny);
  CHECK(run("echo `shred x`").verdict == Verdict::deny);
  CHECK(run("true | sudo tee x").verdict == Verdict::deny);
  CHECK(run("ls -l").verdict == Verdict::allow);
}

TEST_CASE("a person's rules hold for what other programs start and for texts with expansions") {
  for (const char* text :
       {"env git push", "env -i A=1 git push x", "command git push", "nice -n 5 git push",
        "timeout -k 5 10 git push", "nohup git push &", "env -S \"git push\"", "env -S'git push'",
        "env --split-string='git push'", "xargs git push", "echo a | xargs -n 1 git push",
        "coproc git push", "setsid -w git push", "flock /tmp/l git push", "watch 'git push'",
        "flock /tmp/l -c 'git push'", "script -qc 'git push' /dev/null", "busybox env git push",
        "trap 'git push' EXIT", "xvfb-run -a git push", "fakeroot -- git push",
        "fish -C 'git push'", "fish -c 'git push'", "fish --init-command='git push' --no-config",
        "ssh build@host git push", "ssh -p 22 -A host 'cd x && git push'", "tcsh -c 'git push'",
        "valgrind -q git push", "perf stat git push",
        "sg users 'git push'", "runuser -c 'git push'", "hyperfine 'git push'",
        "git -C . push", "git --no-pager push", "git -c a.b=c -C x --no-pager push",
        "git -C \"$d\" push",
        "bash -c \"git push\"", "sh -c 'git push'", "bash -lc 'cd x && git push'",
        "bash -o pipefail -c 'env git push'", "nice sh -c 'timeout 5 git push'",
        "git$IFS push", "git${IFS}push", "g$(true)it push", "git pu`true`sh", "$(echo git) push",
        "git {push,}", "git \\\npush", "eval git push", "{ git push; }", "(git push)",
        "find . -exec git push ';'", "find . -name x -exec git push \\;", "echo git push | sh",
        "cat <<E | sh\ngit push\nE", "f() { git push; }; f", "if true; then git push; fi"}) {
    INFO(text);
    CHECK(run(text).verdict == Verdict::ask);
  }
  for (const char* text :
       {"git status", "git commit -m 'git push later'", "echo 'git push'", "grep -r \"git push\" .",
        "git --no-pager stash push", "git -C push status", "env A=1 make push", "echo git push",
        "timeout 5 grep git push.txt", "bash -c 'echo \"git push\"'", "sh build.sh rm",
        "env git commit -m 'git push'", "git log --grep=push", "npm run rm", "xargs -n 1 echo rm",
        "find . -name rm", "bash", "echo $HOME; git status", "for f in *; do git add $f; done"}) {
    INFO(text << ": " << run(text).reason);
    CHECK(run(text).verdict == Verdict::allow);
  }
  CHECK(run("env rm a.txt").verdict == Verdict::deny);
  CHECK(run("echo $X; sudo ls").verdict == Verdict::deny);  // a rule that is built in
  CHECK(run("env sudo ls").verdict == Verdict::deny);
  CHECK(run("echo \"$X; sudo ls\"").verdict == Verdict::allow);
  CHECK(run("cargo +nightly publish").verdict == Verdict::ask);
  CHECK(run("npm --silent run publish").verdict == Verdict::allow);
}

TEST_CASE("taking commands apart ends, whatever they nest") {
  std::string text = "rm x";
  for (int i = 0; i < 40; ++i) text = "env -a " + text + " 'env -S \"a b\" sh -c \"x y\"'";
  CHECK(run(text).verdict == Verdict::deny);
  std::string wide = "env";
  for (int i = 0; i < 5000; ++i) wide += " -a env";
  CHECK(run(wide + " rm x").verdict == Verdict::deny);
}

TEST_CASE("a person's rules narrow paths and name hosts") {
  const auto policy = chain();
  const auto writes = [&](const char* path) {
    return policy->decide({"write_file", {}, {}, {path}, {}}).verdict;
  };
  const auto reads = [&](const char* path) {
    return policy->decide({"read_file", {}, {path}, {}, {}}).verdict;
  };
  const auto calls = [&](const char* host) {
    return policy->decide({"fetch_url", {}, {}, {}, {host}}).verdict;
  };
  CHECK(reads("/w/secrets/a/b") == Verdict::deny);
  CHECK(writes("/w/secrets/a") == Verdict::deny);
  CHECK(reads("/w/secretsfile") == Verdict::allow);
  CHECK(writes("/w/a/b/c.lock") == Verdict::deny);
  CHECK(writes("/w/c.lock") == Verdict::deny);
  CHECK(reads("/w/c.lock") == Verdict::allow);
  CHECK(writes("/w/c.locked") == Verdict::allow);
  CHECK(calls("api.example.org") == Verdict::allow);
  CHECK(calls("evil.example.org") == Verdict::deny);
  CHECK(calls("other.org") == Verdict::deny);
}

TEST_CASE("commands do not see, or cannot change, what a person's rules name") {
  const TempDir folder;
  for (const char* path : {"secrets/deep/key", "locked/x.txt", "locked/inner/y", "a/b/c.lock",
                           "d.pem", "src/e.pem", "src/f.py", ".git/g.pem"}) {
    test::put(folder.path() / path, "x");
  }
  std::filesystem::create_directory_symlink("secrets", folder.path() / "alias.pem");
  PolicyConfig config;
  config.workspace = folder.path();
  config.base.hidden_paths = {"/home/user/.ssh"};
  const auto rules = [&](const char* text) {
    config.file = parse_policy_file(text, "policy.toml");
    return make_policy_chain(config)->decide({"shell", {"/bin/sh", "-c", "true"}, {}, {}, {}});
  };
  const auto sorted = [&](std::vector<std::filesystem::path> paths) {
    std::vector<std::string> names;
    for (const auto& path : paths) {
      if (path.filename() == ".git" || path.filename() == ".corvid") continue;
      if (path.filename() == ".agents" || path == "/home/user/.ssh") continue;
      names.push_back(path.lexically_relative(folder.path()));
    }
    std::sort(names.begin(), names.end());
    return names;
  };
  using Names = std::vector<std::string>;
  const Decision decision = rules(R"(
[[path]]
pattern = "secrets/**"
decision = "deny"
[[path]]
pattern = "**/*.pem"
access = "read"
decision = "ask"
[[path]]
pattern = "locked/**"
access = "write"
decision = "deny"
[[path]]
pattern = "**/*.lock"
access = "write"
decision = "deny"
[[path]]
pattern = "src/**"
decision = "allow"
)");
  CHECK(decision.verdict == Verdict::allow);
  CHECK(sorted(decision.profile.hidden_paths) == Names{"d.pem", "secrets", "src/e.pem"});
  CHECK(sorted(decision.profile.protected_paths) == Names{"a/b/c.lock", "locked"});
  CHECK(sorted(rules("").profile.hidden_paths).empty());
  const Decision none = rules("[[path]]\npattern = \"none/**\"\ndecision = \"deny\"\n");
  CHECK(sorted(none.profile.hidden_paths).empty());
  for (int i = 0; i < 2001; ++i) {
    std::ofstream(folder.path() / ("n" + std::to_string(i) + ".pem")) << "x";
  }
  CHECK_THROWS_WITH(rules("[[path]]\npattern = \"*.pem\"\ndecision = \"deny\"\n"),
                    Catch::Contains("policy.toml line 1: the rules name more than 2000 files"));
}

TEST_CASE("patterns of paths match in linear time and to the letter") {
  const auto fits = [](const char* pattern, const std::string& path) {
    PathRule rule;
    rule.pattern = pattern;
    return matches(rule, path);
  };
  CHECK(fits("a", "a"));
  CHECK(fits("a", "a/b"));  // a folder's rule
  CHECK_FALSE(fits("a", "ab"));
  CHECK(fits("*.py", "x.py"));
  CHECK_FALSE(fits("*.py", "d/x.py"));
  CHECK(fits("**/x?.py", "d/e/x1.py"));
  CHECK(fits("**/x?.py", "x1.py"));
  CHECK_FALSE(fits("**/x.py", "dx.py"));
  CHECK(fits("d/**", "d/e/f"));
  CHECK_FALSE(fits("*a*a*a*a*a*a*a*a*b", std::string(3000, 'a')));
}

TEST_CASE("a damaged policy file is refused, naming the line") {
  const auto refused = [](const char* text, const char* what) {
    INFO(text);
    CHECK_THROWS_WITH(parse_policy_file(text, "f"), Catch::Contains(what));
  };
  refused("[[command]\n", "f line 1");
  refused("[[command]]\nprefix = [\"a\"]\n", "f line 1: 'decision' is missing");
  refused("[[command]]\nprefix = []\ndecision = \"deny\"\n", "'prefix' must be a list");
  refused("[[command]]\nprefix = [\"a\"]\ndecision = \"never\"\n", "f line 3: 'never' is no");
  refused("[[command]]\nprefix = [\"a\"]\ndecision = \"deny\"\nmatch = [\"b a\"]\n",
          "f line 4: the example 'b a' does not match the rule");
  refused("[[command]]\nprefix = [\"a\"]\ndecision = \"deny\"\nnot_match = [\"x; a b\"]\n",
          "matches the rule");
  CHECK_NOTHROW(parse_policy_file("[[command]]\nprefix = [\"a\"]\ndecision = \"deny\"\n"
                                  "match = [\"env a\", \"x $(a)\"]\nnot_match = [\"b a\"]\n",
                                  "f"));
  refused("[[commands]]\nprefix = [\"a\"]\n", "unknown key 'commands'; known: command path host");
  refused("[[budget]]\ncommands = 1\n", "write [budget]");
  refused("[budget]\ncommands = -1\n", "f line 2: 'commands' must be a count");
  refused("[budget]\nwrites = \"1\"\n", "f line 2: 'writes' must be a count");
  refused("[budget]\ntokens = 1\n", "unknown key 'tokens'; known: commands writes requests");
  refused("[[host]]\nhost = \"x\"\ndecision = \"deny\"\nafter_untrusted = \"allow\"\n",
          "f line 4: the host is denied");
  refused("[[host]]\nhost = \"x\"\ndecision = \"allow\"\nafter_untrusted = \"deny\"\n",
          "known: allow ask");
  refused("[[path]]\npattern = \"/etc\"\ndecision = \"deny\"\n", "relative to the workspace");
  refused("[[host]]\nhost = \"http://x\"\ndecision = \"allow\"\n", "is no host: write example.org");
  CHECK(read_policy_file("/nonexistent/policy.toml").commands.empty());
  CHECK(read_policy_file("/dev/null/policy.toml").commands.empty());
}

TEST_CASE("rules that cannot be looked for are an error, not none") {
  const TempDir folder;
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  CHECK_THROWS_WITH(read_policy_file(folder.path() / "loop/policy.toml"),
                    Catch::Contains("cannot read the rules"));
  CHECK_THROWS(read_policy_file(folder.path() / "loop"));
  std::filesystem::create_symlink("absent", folder.path() / "policy.toml");
  CHECK_THROWS(read_policy_file(folder.path() / "policy.toml"));
  const std::filesystem::path closed = folder.path() / "closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::none);
  if (::geteuid() == 0) {
    WARN("SKIP: a closed folder is open to root");
  } else {
    CHECK_THROWS_WITH(read_policy_file(closed / "policy.toml"),
                      Catch::Contains("cannot read the rules"));
  }
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
}

}  // namespace
}  // namespace corvid::policies
