// The part of the prompt that is the same in every run.

#include <catch2/catch.hpp>

#include "runtime/profile_needs.h"
#include "runtime/prompt.h"

using namespace corvid;
using namespace corvid::runtime;

TEST_CASE("the fixed prompt is short and the same bytes every time") {
  const auto fixed = [] {
    const tools::Toolbox toolbox;
    std::string text(system_text());
    for (const ToolDeclaration& tool : declare_tools(toolbox, {})) {
      text += tool.name + tool.description + tool.schema;
    }
    return text;
  };
  const std::string text = fixed();
  INFO(text.size());
  CHECK(text.size() <= 4200);  // about 2.7 bytes to a token of cl100k_base
  CHECK(fixed() == text);
}

TEST_CASE("what asks a person is offered only where one is there, and a profile's list stays") {
  const std::vector<std::string> alone = offered_tools({}, false), chat = offered_tools({}, true);
  CHECK(std::count(alone.begin(), alone.end(), "ask_user") == 0);
  CHECK(chat.size() == alone.size() + 1);
  ModelProfile profile;
  profile.tools = {"shell", "ask_user"};
  CHECK(offered_tools(profile, false) == std::vector<std::string>{"shell"});
}

TEST_CASE("the first message says what commands reach") {
  const std::string full = "namespaces, Landlock ABI 7, seccomp";
  const std::string copies = "copies, Landlock ABI 7, seccomp; no namespaces";
  sandbox::Profile profile;
  CHECK(network_note({}, profile, full).empty());
  CHECK(network_note({}, profile, copies).find("no sockets") != std::string::npos);
  profile.allowed_hosts = {"pypi.org", "*.example.org"};
  CHECK(network_note({}, profile, full).ends_with("pypi.org, *.example.org"));
  CHECK(network_note({}, profile, copies).find("no sockets") != std::string::npos);
  profile.allow_network = true;
  CHECK(network_note({}, profile, full).ends_with("the network of this machine."));
}
