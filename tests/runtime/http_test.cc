#include "runtime/base/http.h"

#include <thread>

#include <catch2/catch.hpp>

#include "tests/support/http_server.h"

using namespace corvid;
using namespace corvid::test;

namespace {

// As http_answer, on a connection that stays open, or that only seems to.
std::string kept_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: keep-alive\r\n\r\n" + body;
}
std::string seemingly_kept(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string body_of(HttpClient& client, const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.body = "{}";
  const HttpResponse response = client.exchange(request, {}, {});
  CHECK(response.problem == "");
  return response.body;
}

}  // namespace

TEST_CASE("a client keeps its connection between exchanges") {
  const HttpServer server({kept_answer("one"), kept_answer("two"), kept_answer("three")});
  {
    HttpClient client;
    client.prepare();
    CHECK(body_of(client, server.url()) == "one");
    CHECK(body_of(client, server.url()) == "two");
  }
  HttpClient other;
  CHECK(body_of(other, server.url()) == "three");
  REQUIRE(server.requests().size() == 3);
  CHECK(server.requests()[1].connection == 1);
  CHECK(server.requests()[2].connection == 2);
}

TEST_CASE("a connection that the server has closed meanwhile is made anew") {
  const HttpServer server({seemingly_kept("one"), seemingly_kept("two")});
  HttpClient client;
  CHECK(body_of(client, server.url()) == "one");
  CHECK(body_of(client, server.url()) == "two");
  CHECK(server.requests().back().body == "{}");
}

TEST_CASE("what was asked for in one exchange says nothing about the next") {
  const HttpServer server({kept_answer("one"), kept_answer("two")});
  HttpClient client;
  HttpRequest request;
  request.url = server.url();
  request.body = "first";
  request.headers = {"X-First: 1"};
  std::string seen;
  client.exchange(request, [&](std::string_view piece) { seen += piece; }, {});
  CHECK(seen == "one");
  CHECK(body_of(client, server.url()) == "two");
  CHECK(server.requests()[1].head.find("X-First") == std::string::npos);
}

TEST_CASE("exchanges of several threads at once each get their own answer") {
  const HttpServer server(std::vector<std::string>(4, http_answer(200, "x")), 4);
  HttpClient client;
  std::vector<std::jthread> threads;
  std::vector<std::string> bodies(4);
  for (std::string& body : bodies) {
    threads.emplace_back([&] {
      HttpRequest request;
      request.url = server.url();
      body = client.exchange(request, {}, {}).body;
    });
  }
  threads.clear();
  CHECK(bodies == std::vector<std::string>(4, "x"));
}
