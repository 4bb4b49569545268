#include <algorithm>
#include <cstdlib>

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/provider.h"
#include "runtime/providers/support/remote.h"
#include "runtime/providers/support/sse.h"
#include "tests/support/http_server.h"

namespace corvid::runtime {
namespace {

using test::http_answer;
using test::HttpServer;
using test::sse_answer;

constexpr const char* kSchema =
    R"({"type":"object","properties":{"path":{"type":"string"}},"required":["path"]})";

class Setting {  // of an environment variable, for one test
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Setting() { ::unsetenv(name_); }

 private:
  const char* name_;
};

Message user(const std::string& text) { return {Role::user, text, {}, {}}; }

std::unique_ptr<Provider> started(const std::string& model) {
  auto provider = make_provider(model, {});
  const std::vector<ToolDeclaration> tools = {{"read_file", "Read a file.", kSchema}};
  provider->start("You are a test.", tools);
  return provider;
}

Reply ask_once(Provider& provider, const std::vector<Message>& added,
               std::string* shown = nullptr) {
  provider.read(added, {});
  Request request;
  request.temperature = 0;
  request.tokens_max = 100;
  if (shown != nullptr) request.on_text = [shown](std::string_view text) { *shown += text; };
  return provider.complete(request, {});
}

std::string chunk(const Json& delta, const char* finish = nullptr) {
  Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", nullptr}};
  if (finish != nullptr) choice["finish_reason"] = finish;
  return dump_json({{"choices", Json::array({choice})}});
}

std::vector<std::string> text_stream(const std::string& text) {
  return {chunk({{"role", "assistant"}, {"content", ""}}), chunk({{"content", text}}),
          chunk(Json::object(), "stop"),
          R"({"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":4,)"
          R"("prompt_tokens_details":{"cached_tokens":20}}})",
          "[DONE]"};
}

TEST_CASE("server-sent events are read whatever the pieces and line ends") {
  const std::string stream =
      ": comment\r\nevent: a\r\ndata: one\r\ndata: two\r\n\r\ndata:three\n\nid: 7\n\ndata: last";
  for (size_t size = 1; size < 9; ++size) {
    std::vector<std::string> events;
    SseReader reader([&](std::string_view event, std::string_view data) {
      events.push_back(std::string(event) + "|" + std::string(data));
    });
    for (size_t at = 0; at < stream.size(); at += size) reader.feed(stream.substr(at, size));
    reader.end();
    CHECK(events == std::vector<std::string>{"a|one\ntwo", "|three", "|last"});
  }
}

TEST_CASE("openai: a streamed text, its tokens, and what is sent") {
  HttpServer server({sse_answer(text_stream("Good day."))});
  const Setting url("OPENAI_BASE_URL", server.url() + "/v1/");
  const Setting key("OPENAI_API_KEY", "sk-secret-of-the-test");
  auto provider = started("openai:small");
  std::string shown;
  const Reply reply = ask_once(*provider, {user("Hello")}, &shown);
  CHECK(reply.message.content == "Good day.");
  CHECK(shown == "Good day.");
  CHECK(reply.tokens.prefilled == 10);
  CHECK(reply.tokens.reused == 20);
  CHECK(reply.tokens.generated == 4);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 1);
  CHECK(requests[0].head.starts_with("POST /v1/chat/completions "));
  CHECK(requests[0].head.find("Authorization: Bearer sk-secret-of-the-test") != std::string::npos);
  const Json body = parse_json(requests[0].body, "body");
  CHECK(body.at("model") == "small");
  CHECK(body.at("max_tokens") == 100);
  CHECK(body.at("messages").at(0).at("content") == "You are a test.");
  CHECK(body.at("tools").at(0).at("function").at("name") == "read_file");
}

TEST_CASE("a reply under a schema is asked for as each server takes it, and is text") {
  Request request;
  request.schema = R"({"type":"object","properties":{"n":{"type":"integer"}}})";
  const auto ask_under_schema = [&](Provider& provider) {
    const std::vector<Message> messages = {user("Count")};
    provider.restart(messages, {});
    return provider.complete(request, {});
  };
  {
    HttpServer server({sse_answer(text_stream("{\"n\":1}")), sse_answer(text_stream("{\"n\":2}"))});
    const Setting url("OPENAI_BASE_URL", server.url());
    auto provider = started("openai:small");
    CHECK(ask_under_schema(*provider).message.content == "{\"n\":1}");
    CHECK(ask_under_schema(*provider).message.content == "{\"n\":2}");
    const Json body = parse_json(server.requests().at(1).body, "body");
    CHECK(body.at("response_format").at("json_schema").at("schema").contains("properties"));
    CHECK_FALSE(body.contains("tools"));
    CHECK(body.at("messages").size() == 2);  // of the system and of this question
  }
  const Json answer = {
      {"type", "message"},
      {"stop_reason", "tool_use"},
      {"content", Json::array({{{"type", "tool_use"}, {"name", "answer"}, {"input", {{"n", 3}}}}})}};
  HttpServer server({http_answer(200, dump_json(answer))});
  const Setting url("ANTHROPIC_BASE_URL", server.url());
  auto provider = started("anthropic:small");
  const Reply reply = ask_under_schema(*provider);
  CHECK(reply.message.content == "{\"n\":3}");
  CHECK(reply.message.calls.empty());
  const Json body = parse_json(server.requests().at(0).body, "body");
  CHECK(body.at("tool_choice").at("name") == body.at("tools").at(0).at("name"));
}

TEST_CASE("openai: reasoning is no part of the answer, and goes back where the server takes it") {
  std::vector<std::string> first = text_stream("Good day."), second = first;
  first.insert(first.begin(), {chunk({{"reasoning_content", "A gre"}}),
                               chunk({{"reasoning_content", "eting.\n"}})});
  second.insert(second.begin(), chunk({{"reasoning", "Again."}}));
  HttpServer server({sse_answer(first), sse_answer(second),
                     http_answer(400, R"({"error":{"message":"no field reasoning_content"}})"),
                     sse_answer(text_stream("Bye."))});
  const Setting url("OPENAI_BASE_URL", server.url() + "/v1");
  auto provider = started("openai:small");
  std::string shown;
  CHECK(ask_once(*provider, {user("Hello")}, &shown).message.reasoning == "A greeting.");
  CHECK(shown == "Good day.");
  CHECK(ask_once(*provider, {user("Hello")}).message.reasoning == "Again.");
  CHECK(ask_once(*provider, {user("Bye")}).message.reasoning.empty());
  const auto requests = server.requests();
  REQUIRE(requests.size() == 4);
  const auto sent = [&](size_t i) { return parse_json(requests[i].body, "body").at("messages"); };
  CHECK(sent(1).at(2).at("content") == "Good day.");
  CHECK(sent(1).at(2).at("reasoning_content") == "A greeting.");
  CHECK(sent(2).at(4).at("reasoning_content") == "Again.");
  CHECK_FALSE(sent(3).at(2).contains("reasoning_content"));
}

TEST_CASE("openai: parallel calls in pieces; their answers carry the session's ids") {
  HttpServer server(
      {sse_answer(
           {chunk({{"tool_calls",
                    {{{"index", 0},
                      {"id", "x"},
                      {"function", {{"name", "read_file"}, {"arguments", ""}}}}}}}),
            chunk({{"tool_calls", {{{"index", 0}, {"function", {{"arguments", "{\"path\":"}}}}}}}),
            chunk({{"tool_calls", {{{"index", 0}, {"function", {{"arguments", "\"a.py\"}"}}}}}}}),
            chunk({{"tool_calls",
                    {{{"index", 1},
                      {"id", "y"},
                      {"function", {{"name", "read_file"}, {"arguments", "{\"path\":"}}}}}}}),
            chunk(Json::object(), "tool_calls"), "[DONE]"}),
       sse_answer(text_stream("Read."))});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  Reply reply = ask_once(*provider, {user("Read a.py")});
  REQUIRE(reply.message.calls.size() == 2);
  CHECK(reply.message.calls[0].arguments == R"({"path":"a.py"})");
  CHECK(reply.message.calls[0].id.empty());
  CHECK(reply.message.calls[1].arguments == R"({"path":)");  // cut off: the loop tells the model
  const auto copy = provider->fork("main.a1");
  ask_once(*copy, {{Role::tool, "x = 1", {}, "call_1_1"}, {Role::tool, "bad", {}, "call_1_2"}});
  const Json messages = parse_json(server.requests().at(1).body, "body").at("messages");
  REQUIRE(messages.size() == 5);
  CHECK(messages.at(2).at("tool_calls").at(0).at("id") == "call_1_1");
  CHECK(messages.at(2).at("tool_calls").at(1).at("id") == "call_1_2");
  CHECK(messages.at(2).at("tool_calls").at(1).at("function").at("arguments") == "{}");
  CHECK(messages.at(3).at("tool_call_id") == "call_1_1");
  CHECK(messages.at(4).at("content") == "bad");
}

TEST_CASE("openai: calls keep apart, however a server numbers them") {
  const auto piece = [](const Json& part) { return chunk({{"tool_calls", Json::array({part})}}); };
  const auto whole = [](const char* id, const std::string& path) {
    const std::string arguments = "{\"path\":\"" + path + "\"}";
    return Json{{"index", 0},
                {"id", id},
                {"function", {{"name", "read_file"}, {"arguments", arguments}}}};
  };
  const auto named = [](const char* id) {
    return Json{{"id", id}, {"function", {{"name", "read_file"}, {"arguments", ""}}}};
  };
  const auto more = [](const char* text) { return Json{{"function", {{"arguments", text}}}}; };
  Json numbered = more("}");
  numbered["index"] = 0;
  Json open = whole("y", "b");
  open["function"]["arguments"] = "{\"path\":\"b\"";
  const std::string end = chunk(Json::object(), "tool_calls");
  HttpServer server(
      {sse_answer({piece(whole("x", "a")), piece(open), piece(numbered), end, "[DONE]"}),
       sse_answer({piece(named("x")), piece(more("{\"path\":")), piece(more("\"a\"}")),
                   piece(named("y")), piece(more("{\"path\":\"b\"}")), end, "[DONE]"})});
  const Setting url("OPENAI_BASE_URL", server.url());
  for (int i = 0; i < 2; ++i) {
    auto provider = started("openai:small");
    const Reply reply = ask_once(*provider, {user("Read a and b")});
    REQUIRE(reply.message.calls.size() == 2);
    CHECK(reply.message.calls[0].arguments == R"({"path":"a"})");
    CHECK(reply.message.calls[1].arguments == R"({"path":"b"})");
  }
  CHECK(server.requests().size() == 2);
}

TEST_CASE("openai: answers that end without a reason, with blanks, or cut in a character") {
  HttpServer server({sse_answer({chunk({{"content", "hello"}}), "[DONE]"}),
                     sse_answer({"", chunk({{"content", "hello"}}, "stop"), " [DONE] "}),
                     sse_answer({"{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"h\xc3\"}}]}",
                                 "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\xa4llo\"}}]}",
                                 chunk(Json::object(), "stop"), "[DONE]"})});
  const Setting url("OPENAI_BASE_URL", server.url());
  for (const char* text : {"hello", "hello", "h\xc3\xa4llo"}) {
    auto provider = started("openai:small");
    std::string shown;
    CHECK(ask_once(*provider, {user("Hi")}, &shown).message.content == text);
    CHECK(shown == text);
  }
  CHECK(server.requests().size() == 3);
}

TEST_CASE("openai: it asks again after 429, 500, silence, a broken stream and half a JSON") {
  const auto whole = text_stream("At last.");
  HttpServer server({http_answer(429, R"({"error":{"message":"slow down"}})", "application/json",
                                 "retry-after-ms: 1\r\n"),
                     http_answer(500, "oops", "text/plain", "retry-after-ms: 1\r\n"),
                     sse_answer({whole[0], chunk({{"content", "At"}})}),
                     sse_answer({whole[0], R"({"choices":[{"index":0,"del)"}), sse_answer(whole)});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  std::string shown;
  CHECK(ask_once(*provider, {user("Hello")}, &shown).message.content == "At last.");
  CHECK(server.requests().size() == 5);
  CHECK(shown.find("asked again") != std::string::npos);
}

TEST_CASE("openai: a refusal is told at once, in the server's words, without the key") {
  HttpServer server(
      {http_answer(401, R"({"error":{"message":"Incorrect key sk-secret-of-the-test"}})")});
  const Setting url("OPENAI_BASE_URL", server.url());
  const Setting key("OPENAI_API_KEY", "sk-secret-of-the-test");
  auto provider = started("openai:small");
  std::string text;
  try {
    ask_once(*provider, {user("Hello")});
  } catch (const Error& error) {
    CHECK(error.code() == Code::io);
    text = error.what();
  }
  CHECK(text.find("Incorrect key (key)") != std::string::npos);
  CHECK(text.find("secret") == std::string::npos);
  CHECK(server.requests().size() == 1);
}

TEST_CASE("openai: parameters that a server does not know are left out") {
  HttpServer server(
      {http_answer(400, R"({"error":{"message":"Unsupported parameter: 'max_tokens'. Use )"
                        R"('max_completion_tokens' instead."}})"),
       http_answer(400, R"({"error":{"message":"'temperature' does not support 0.0"}})"),
       sse_answer(text_stream("Fine."))});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  CHECK(ask_once(*provider, {user("Hello")}).message.content == "Fine.");
  const Json body = parse_json(server.requests().at(2).body, "body");
  CHECK(body.at("max_completion_tokens") == 100);
  CHECK_FALSE(body.contains("max_tokens"));
  CHECK_FALSE(body.contains("temperature"));
}

TEST_CASE("openai: a server that does not stream is understood, and a length stop is told") {
  HttpServer server({http_answer(
      200, R"({"choices":[{"index":0,"message":{"role":"assistant","content":"Half of"},)"
           R"("finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":2}})")});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  const Reply reply = ask_once(*provider, {user("Hello")});
  CHECK(reply.message.content == "Half of");
  CHECK(reply.end == ReplyEnd::length);
  CHECK(reply.tokens.prefilled == 5);
}

TEST_CASE("openai: a conversation restored from the log goes on as before") {
  HttpServer server({sse_answer(text_stream("Again."))});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  Message call{Role::assistant, "", {{"call_1_1", "read_file", R"({"path":"a"})"}}, {}};
  const std::vector<Message> log = {user("Task"), call, {Role::tool, "text", {}, "call_1_1"}};
  provider->restore("/nonexistent", log, {});
  ask_once(*provider, {user("Go on")});
  const Json messages = parse_json(server.requests().at(0).body, "body").at("messages");
  REQUIRE(messages.size() == 5);
  CHECK(messages.at(2).at("tool_calls").at(0).at("id") == "call_1_1");
}

TEST_CASE("a cancelled request ends at once") {
  HttpServer server({""});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  provider->read(std::vector<Message>{user("Hello")}, {});
  std::stop_source stop;
  stop.request_stop();
  Request request;
  try {
    provider->complete(request, stop.get_token());
    FAIL("not cancelled");
  } catch (const Error& error) {
    CHECK(error.code() == Code::cancelled);
  }
}

TEST_CASE("keys in a file that others may read are refused") {
  const TempDir folder;
  const Setting config("XDG_CONFIG_HOME", folder.path().string());
  std::filesystem::create_directories(folder.path() / "corvid/keys");
  const auto file = folder.path() / "corvid/keys/openai";
  write_file_atomic(file, "sk-from-file\n");
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK_THROWS_AS(api_key("CORVID_TEST_NO_KEY", "openai"), Error);
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  CHECK(api_key("CORVID_TEST_NO_KEY", "openai") == "sk-from-file");
}

TEST_CASE("a base URL without a scheme is refused, naming the variable") {
  const Setting url("OPENAI_BASE_URL", "localhost:8080/v1");
  CHECK_THROWS_WITH(make_provider("openai:x", {}), Catch::Contains("OPENAI_BASE_URL"));
}

TEST_CASE("a password in a base URL that is wrong is not told") {
  const Setting url("OPENAI_BASE_URL", "ftp://ann:hunter2pw@127.0.0.1/v1");
  CHECK_THROWS_WITH(make_provider("openai:x", {}), !Catch::Contains("hunter2pw"));
  const Setting port("OPENAI_BASE_URL", "http://ann:hunter2pw@127.0.0.1:bad/v1");
  auto provider = started("openai:x");
  CHECK_THROWS_WITH(ask_once(*provider, {user("Hi")}),
                    !Catch::Contains("hunter2pw") && Catch::Contains("127.0.0.1:bad"));
}

TEST_CASE("anthropic: text, calls and tokens of a stream; turns alternate in what is sent") {
  HttpServer server(
      {sse_answer(
           {R"({"type":"message_start","message":{"usage":{"input_tokens":12,)"
            R"("cache_read_input_tokens":7,"cache_creation_input_tokens":3,"output_tokens":1}}})",
            R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking",)"
            R"("thinking":""}})",
            R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta",)"
            R"("thinking":"hm"}})",
            R"({"type":"content_block_stop","index":0})", R"({"type":"ping"})",
            R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
            R"({"type":"content_block_delta","index":1,"delta":{"type":"text_delta",)"
            R"("text":"Reading."}})",
            R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use",)"
            R"("id":"t","name":"read_file","input":{}}})",
            R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta",)"
            R"("partial_json":"{\"path\":"}})",
            R"({"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta",)"
            R"("partial_json":"\"a\"}"}})",
            R"({"type":"message_delta","delta":{"stop_reason":"tool_use"},)"
            R"("usage":{"output_tokens":9}})",
            R"({"type":"message_stop"})"}),
       http_answer(529,
                   R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
                   "application/json", "retry-after-ms: 1\r\n"),
       http_answer(200, R"({"content":[{"type":"text","text":"Done."}],"stop_reason":"end_turn",)"
                        R"("usage":{"input_tokens":4,"output_tokens":2}})")});
  const Setting url("ANTHROPIC_BASE_URL", server.url());
  const Setting key("ANTHROPIC_API_KEY", "sk-ant-test");
  auto provider = started("anthropic:large");
  const Reply reply = ask_once(*provider, {user("Read a"), user("please")});
  CHECK(reply.message.content == "Reading.");
  CHECK(reply.message.reasoning == "hm");
  REQUIRE(reply.message.calls.size() == 1);
  CHECK(reply.message.calls[0].arguments == R"({"path":"a"})");
  CHECK(reply.tokens.prefilled == 15);
  CHECK(reply.tokens.reused == 7);
  CHECK(reply.tokens.generated == 9);
  const Reply last = ask_once(*provider, {{Role::tool, "text", {}, "call_1_1"}, user("Go on")});
  CHECK(last.message.content == "Done.");
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  CHECK(requests[0].head.find("x-api-key: sk-ant-test") != std::string::npos);
  const Json messages = parse_json(requests[2].body, "body").at("messages");
  REQUIRE(messages.size() == 3);
  CHECK(messages.at(0).at("content").size() == 2);
  CHECK(messages.at(1).at("content").at(1).at("id") == "call_1_1");
  CHECK(messages.at(2).at("content").at(0).at("tool_use_id") == "call_1_1");
  CHECK(messages.at(2).at("content").at(1).at("text") == "Go on");
}

}  // namespace
TEST_CASE("refusals for length are known in every server's words, with their numbers") {
  struct Case {
    const char* text;
    int64_t window, used;
  };
  const Case cases[] = {
      {R"({"error":{"message":"This model's maximum context length is 128000 tokens. However, your )"
       R"(messages resulted in 140012 tokens. Please reduce the length of the messages.",)"
       R"("type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
       128000, 140012},
      {R"({"object":"error","message":"This model's maximum context length is 4096 tokens. However, )"
       R"(you requested 5010 tokens (4010 in the messages, 1000 in the completion). Please reduce )"
       R"(the length of the messages or completion.","type":"BadRequestError","code":400})",
       4096, 4010},
      {"'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context "
       "length is 4096 tokens and your request has 1027 input tokens (4096 > 4096 - 1027).",
       4096, 1027},
      {R"({"error":{"code":400,"message":"the request exceeds the available context size, try )"
       R"(increasing it","type":"exceed_context_size_error","n_prompt_tokens": 5010,"n_ctx": 4096}})",
       4096, 5010},
      {"the request exceeds the available context size. try increasing the context size", 0, 0},
      {R"({"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: )"
       R"(210345 tokens > 200000 maximum"}})",
       200000, 210345},
      {"input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000, decrease input "
       "length or `max_tokens` and try again",
       200000, 199000},
      {"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
       1048576, 1200000},
      {"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
       "context length",
       32768, 40000},
      {"Your input exceeds the context window of this model.", 0, 0}};
  for (const Case& each : cases) {
    CAPTURE(each.text);
    const auto refusal = read_too_long(each.text, true);
    REQUIRE(refusal.has_value());
    CHECK(refusal->window == each.window);
    CHECK(refusal->used == each.used);
  }
  for (const char* other : {"Incorrect key", "Unsupported parameter: 'max_tokens'",
                            "Rate limit reached for gpt: Limit 200000, Requested 210000",
                            "'temperature' does not support 0.0"}) {
    CHECK_FALSE(read_too_long(other, true).has_value());
  }
}

TEST_CASE("an error that only speaks of the window is no refusal for length") {
  const char* error = "The model with a context window of 4096 tokens is loading";
  CHECK_FALSE(read_too_long(error, false).has_value());
  CHECK_FALSE(read_too_long("the context length of this slot is being changed", false).has_value());
  CHECK(read_too_long("the request exceeds the available context size, try increasing it", false));
  CHECK(read_too_long("maximum context length is 4096 tokens; messages resulted in 5000 tokens",
                      false));
  HttpServer server({http_answer(503, error, "text/plain", "retry-after-ms: 1\r\n"),
                     sse_answer({dump_json({{"error", {{"message", error}}}})}),
                     sse_answer(text_stream("Good day."))});
  const Setting url("OPENAI_BASE_URL", server.url());
  auto provider = started("openai:small");
  const Reply reply = ask_once(*provider, {user("Hello")});
  CHECK(reply.message.content == "Good day.");
  CHECK(reply.end == ReplyEnd::end);
  CHECK(server.requests().size() == 3);
  CHECK(provider->context({}).window == 128'000);
}

TEST_CASE("a refusal for length teaches the window and how many tokens the text has") {
  for (const char* name : {"openai:small", "anthropic:small"}) {
    const std::string text = name[0] == 'o'
                                 ? "This model's maximum context length is 1000 tokens. However, "
                                   "your messages resulted in 950 tokens."
                                 : "prompt is too long: 950 tokens > 1000 maximum";
    HttpServer server({http_answer(400, dump_json({{"error", {{"message", text}}}}))});
    const Setting url(name[0] == 'o' ? "OPENAI_BASE_URL" : "ANTHROPIC_BASE_URL", server.url());
    const Setting key("ANTHROPIC_API_KEY", "sk-test-of-the-test");
    auto provider = started(name);
    const Reply reply = ask_once(*provider, {user(std::string(1900, 'x'))});
    CHECK(reply.end == ReplyEnd::too_long);
    CHECK(reply.message.content.find("HTTP 400") != std::string::npos);
    CHECK(server.requests().size() == 1);
    CHECK(provider->context({}).window == 1000);
    CHECK(provider->context({}).used == 950);
    // Two bytes to a token, as it turned out; the reply is asked for in what room there is.
    const std::vector<Message> shorter = {user(std::string(1000, 'x'))};
    provider->restart(shorter, {});
    CHECK(provider->context({}).used > 500);
    Request request;
    request.tokens_max = 4000;
    provider->complete(request, {});
    CHECK(parse_json(server.requests().at(1).body, "body").at("max_tokens") < 500);
  }
}

}  // namespace corvid::runtime
