// --allow-host: what commands of a run reach, and what they are told of the rest.

#include <catch2/catch.hpp>

#include "tests/e2e/fixture.h"
#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

std::string authority_of(const HttpServer& server) { return server.url().substr(7); }

// What the model was told about its first call.
std::string first_output(const ProcessResult& process) {
  for (const Json& line : json_lines(process.out)) {
    const bool is_message = json_string_or(line, "type", "") == "message_added";
    if (is_message && line.dump().find("call_1_1") != std::string::npos &&
        line.dump().find("exit code") != std::string::npos) {
      return line.dump();
    }
  }
  return process.out;
}

Json fetch(const std::string& url) {
  const std::string program =
      "import sys, urllib.request as u\n"
      "try: print(u.urlopen(sys.argv[1], timeout=20).read().decode())\n"
      "except Exception as e: print(e)";
  return call("shell", {{"command", "python3 -c '" + program + "' " + url}});
}

}  // namespace

TEST_CASE("commands and the check reach an allowed host, and no other") {
  if (!namespaces_work()) return;
  const HttpServer server({http_answer(200, "from outside", "text/plain")});
  const Scene scene;
  const std::string check =
      "python3 -c 'import urllib.request as u; u.urlopen(\"" + server.url() + "\", timeout=20)'";
  const ProcessResult reached =
      scene.run({fetch(server.url()), call("finish", {{"summary", "fetched"}})},
                {"--allow-host", authority_of(server), "--verify", check});
  INFO(reached.out);
  INFO(reached.err);
  CHECK(first_output(reached).find("from outside") != std::string::npos);
  CHECK(reached.out.find("Commands reach these hosts and no others") != std::string::npos);
  CHECK(reached.exit_code == 0);
  CHECK(server.requests().size() >= 2);
  const size_t before = server.requests().size();
  const ProcessResult refused =
      scene.run({fetch(server.url()), call("finish", {{"summary", "tried"}})},
                {"--allow-host", "example.org"});
  INFO(refused.out);
  CHECK(first_output(refused).find("from outside") == std::string::npos);
  CHECK(server.requests().size() == before);
}

TEST_CASE("a refused host is told to the model with the option that allows it") {
  if (!namespaces_work()) return;
  const Scene scene;
  const ProcessResult process =
      scene.run({fetch("https://pypi.org/"), call("finish", {{"summary", "tried"}})},
                {"--allow-host", "example.org"});
  INFO(process.out);
  CHECK(first_output(process).find("[network: pypi.org is not allowed; a person allows it with "
                                   "--allow-host pypi.org]") != std::string::npos);
  const ProcessResult wrong = scene.run({}, {"--allow-host", "https://pypi.org/simple"});
  CHECK(wrong.exit_code == 1);
  CHECK((wrong.err + wrong.out).find("is no host: write example.org") != std::string::npos);
}
