#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "policies/policy.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/command.h"
#include "runtime/paths.h"

namespace corvid::runtime {
namespace {

struct PolicyArguments {
  std::string command;
  std::string read, write, host;
  std::string mode = "workspace";
  std::string workspace = ".";
  std::string file;
  std::vector<std::string> allow_host;
  bool after_untrusted = false;
  bool json = false;
};

std::filesystem::path rules_file(const PolicyArguments& arguments) {
  return arguments.file.empty() ? find_paths().config / "policy.toml"
                                : std::filesystem::path(arguments.file);
}

// Without --file there may be none.
policies::PolicyFile read_rules(const PolicyArguments& arguments) {
  const std::filesystem::path path = rules_file(arguments);
  std::error_code error;
  const auto kind = std::filesystem::symlink_status(path, error).type();
  if (!arguments.file.empty() && kind == std::filesystem::file_type::not_found) {
    fail(Code::not_found, "no such file: " + arguments.file);
  }
  return policies::read_policy_file(path);
}

const char* name_of(policies::Verdict verdict) {
  switch (verdict) {
    case policies::Verdict::allow:
      return "allow";
    case policies::Verdict::ask:
      return "ask";
    case policies::Verdict::deny:
      return "deny";
  }
  return "deny";
}

std::filesystem::path absolute(const std::filesystem::path& workspace, const std::string& path) {
  return (workspace / path).lexically_normal();
}

policies::Action action_of(const PolicyArguments& arguments,
                           const std::filesystem::path& workspace) {
  policies::Action action;
  action.tool = "shell";
  if (!arguments.command.empty()) action.argv = {"/bin/sh", "-c", arguments.command};
  if (!arguments.read.empty()) action.reads = {absolute(workspace, arguments.read)};
  if (!arguments.write.empty()) action.writes = {absolute(workspace, arguments.write)};
  if (!arguments.host.empty()) action.hosts = {arguments.host};
  if (action == policies::Action{"shell", {}, {}, {}, {}}) {
    fail(Code::invalid, "name a command, --read PATH, --write PATH or --host HOST");
  }
  action.before.has_untrusted = arguments.after_untrusted;
  return action;
}

int check(const PolicyArguments& arguments) {
  std::error_code error;
  policies::PolicyConfig config;
  config.mode = policies::parse_mode(arguments.mode);
  config.workspace = std::filesystem::canonical(arguments.workspace, error);
  if (error) fail(Code::not_found, "no such folder: " + arguments.workspace);
  config.allow_hosts = arguments.allow_host;
  config.base = sandbox::system_profile();
  config.file = read_rules(arguments);
  config.can_ask = true;
  const auto chain = policies::make_policy_chain(config);
  policies::Decision decision = chain->decide(action_of(arguments, config.workspace));
  if (decision.reason.empty()) {
    decision.reason = "no rule is against it in mode " + arguments.mode +
                      "; what it may touch is the sandbox's to say";
  }
  if (arguments.json) {
    std::cout << dump_json({{"decision", name_of(decision.verdict)}, {"reason", decision.reason}})
              << "\n";
  } else {
    std::cout << name_of(decision.verdict)
              << (decision.reason.empty() ? "" : ": " + printable(decision.reason)) << "\n";
  }
  return decision.verdict == policies::Verdict::allow ? 0 : 3;
}

std::string text_of(const policies::CommandRule& rule) {
  std::string text;
  for (const auto& word : rule.prefix) {
    text += (text.empty() ? "" : " ") + (word.size() == 1 ? word[0] : "{" + join(word, ",") + "}");
  }
  return text;
}

std::string budget_text(const policies::Budget& budget) {
  std::string text;
  const auto add = [&](const std::optional<int64_t>& count, const char* name) {
    if (count) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", *count, name);
  };
  add(budget.commands, "commands");
  add(budget.writes, "writes");
  add(budget.requests, "requests");
  return text.empty() ? "" : "budget of one run: " + text + "; beyond, a person is asked\n";
}

int explain(const PolicyArguments& arguments) {
  const std::filesystem::path path = rules_file(arguments);
  const policies::PolicyFile file = read_rules(arguments);
  std::string text =
      "mode read-only: commands run, nothing in the workspace changes\n"
      "mode workspace (default): the workspace is writable, no network\n"
      "in both, commands reach allowed hosts ([[host]], --allow-host) at the ports 80 and 443 or\n"
      "the one that is named, through a proxy that refuses names with private addresses\n"
      "mode full: other files are readable, the host's network\n"
      "always: .git, .corvid and .agents of the workspace are read-only, "
      "credentials are invisible, the sandbox is on\n"
      "'ask' is 'deny' where nobody can be asked\n"
      "once a run has read text from the web (fetch_url, a command such as curl, memory of such\n"
      "text): hosts, files outside of the workspace, and commands with a network are asked about\n"
      "again; where nobody can be asked such a command runs without network\n";
  text += budget_text(file.budget);
  text += fmt::format("rules of {}: {} of commands, {} of paths, {} of hosts\n", path.string(),
                      file.commands.size(), file.paths.size(),
                      file.allow_hosts.size() + file.deny_hosts.size());
  for (const auto& rule : file.commands) {
    text += fmt::format("  {:5}  command  {}\n", name_of(rule.verdict), printable(text_of(rule)));
  }
  for (const auto& rule : file.paths) {
    text += fmt::format("  {:5}  path     {}\n", name_of(rule.verdict), printable(rule.pattern));
  }
  const auto& always = file.hosts_after_untrusted;
  for (const auto& host : file.allow_hosts) {
    const bool is_always = std::find(always.begin(), always.end(), host) != always.end();
    text += "  allow  host     " + printable(host) +
            (is_always ? " (also after text from the web)" : "") + "\n";
  }
  for (const auto& host : file.deny_hosts) text += "  deny   host     " + printable(host) + "\n";
  std::cout << text;
  return 0;
}

}  // namespace

void add_policy(Command& app, CommandContext& context) {
  auto arguments = std::make_shared<PolicyArguments>();
  Command policy = app.subcommand("policy", "What an agent may do: check, test, explain");
  policy.require_subcommand();
  Command checked = policy.subcommand(
      "check", "The decision on one action, and the rule; exit code 0 when allowed, else 3");
  checked.option("command", arguments->command, "A shell command");
  checked.option("--read", arguments->read, "A path that a tool would read");
  checked.option("--write", arguments->write, "A path that a tool would write");
  checked.option("--host", arguments->host, "A host that a tool would reach");
  checked.option("--allow-host", arguments->allow_host, "As for run");
  checked.flag("--after-untrusted", arguments->after_untrusted,
               "Once the run has read text from the web");
  checked.option("--mode", arguments->mode, "read-only, workspace or full");
  checked.option("-w,--workspace", arguments->workspace, "The workspace (default: this one)");
  checked.flag("--json", arguments->json, "One JSON object");
  Command tested = policy.subcommand("test", "Reads the rules and checks their examples");
  Command explained = policy.subcommand("explain", "The modes and the rules in words");
  policy.footer(
      "Examples:\n  corvid policy check \"git push origin main\"\n"
      "  corvid policy test --file policy.toml\n  corvid policy explain");
  checked.footer(
      "Examples:\n  corvid policy check \"git push origin main\"\n"
      "  corvid policy check --write src/a.py --mode read-only");
  tested.footer("Examples:\n  corvid policy test\n  corvid policy test --file policy.toml");
  explained.footer("Example: corvid policy explain");
  for (Command command : {checked, tested, explained}) {
    command.option("--file", arguments->file,
                   "Rules in TOML (default: policy.toml in Corvid's configuration folder)");
  }
  checked.callback([arguments, &context] { context.exit_code = check(*arguments); });
  explained.callback([arguments, &context] { context.exit_code = explain(*arguments); });
  tested.callback([arguments] {
    const policies::PolicyFile file = read_rules(*arguments);
    std::cout << fmt::format("{}: {} rules, all examples as they say\n",
                             rules_file(*arguments).string(),
                             file.commands.size() + file.paths.size() + file.allow_hosts.size() +
                                 file.deny_hosts.size());
  });
}

}  // namespace corvid::runtime
