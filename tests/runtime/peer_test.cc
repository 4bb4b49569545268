// Answers of llama-cpp-python's server, as tests/bench/harness/record_peer.py recorded them.

#include <cstdlib>

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/provider.h"
#include "tests/support/http_server.h"

using namespace corvid;

namespace {

const std::filesystem::path kPeer =
    std::filesystem::path(CORVID_SOURCE_DIR) / "tests/golden/llama_cpp_server";

// What the provider makes of a recorded answer, or the error that it ends with.
runtime::Reply replay(const std::string& name, std::string& shown) {
  std::string answer = read_file(kPeer / (name + ".http"));
  answer.insert(answer.find("\r\n"), "\r\nretry-after-ms: 1");  // no pause before asking again
  const test::HttpServer server({answer});
  ::setenv("OPENAI_BASE_URL", (server.url() + "/v1").c_str(), 1);
  const auto provider = runtime::make_provider("openai:fixture", {});
  ::unsetenv("OPENAI_BASE_URL");
  provider->start("You help.", {});
  const std::vector<runtime::Message> said{{runtime::Role::user, "Read a.txt", {}, {}}};
  provider->read(said, {});
  runtime::Request request;
  request.on_text = [&](std::string_view text) { shown += text; };
  return provider->complete(request, {});
}

}  // namespace

TEST_CASE("what llama-cpp-python's server streams is read as it was meant") {
  const Json expected = parse_json(read_file(kPeer / "expected.json"), "expected.json");
  for (const auto& [name, answer] : expected.items()) {
    if (answer.is_null()) continue;
    INFO(name);
    std::string shown;
    const runtime::Reply reply = replay(name, shown);
    CHECK(reply.message.content == answer.at("text"));
    CHECK(shown == answer.at("text"));
    REQUIRE(reply.message.calls.size() == answer.at("calls").size());
    for (size_t i = 0; i < reply.message.calls.size(); ++i) {
      CHECK(reply.message.calls[i].name == answer.at("calls").at(i).at("name"));
      CHECK(reply.message.calls[i].arguments == answer.at("calls").at(i).at("arguments"));
    }
    CHECK(reply.tokens.prefilled + reply.tokens.reused == answer.at("prompt_tokens"));
    CHECK(reply.tokens.generated == answer.at("completion_tokens"));
  }
}

TEST_CASE("what llama-cpp-python's server refuses is told in words that help") {
  std::string shown;
  try {
    replay("too_long", shown);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("--context-tokens") != std::string::npos);
  }
  try {
    replay("error", shown);
    CHECK(false);
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("Input should be a valid list") != std::string::npos);
  }
}
