// What the proxy of the sandbox reads from requests, and what it allows.

#include "sandbox/launch/proxy_request.h"

#include <arpa/inet.h>

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/public_address.h"

namespace corvid::sandbox {
namespace {

ProxyRequest read_request(const std::string& head) {
  const auto parsed = parse_proxy_request(head);
  INFO(head);
  REQUIRE(std::holds_alternative<ProxyRequest>(parsed));
  return std::get<ProxyRequest>(parsed);
}

std::string why_not(const std::vector<std::string>& allowed, const std::string& authority,
                    const std::vector<std::string>& denied = {}) {
  const ProxyRequest request = read_request("CONNECT " + authority + " HTTP/1.1\r\n\r\n");
  return refusal_of(make_proxy_rules(allowed, denied), request).reason;
}

bool is_public_four(const char* text) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  REQUIRE(inet_pton(AF_INET, text, &address.sin_addr) == 1);
  return is_public(reinterpret_cast<const sockaddr&>(address));
}

bool is_public_six(const char* text) {
  sockaddr_in6 address = {};
  address.sin6_family = AF_INET6;
  REQUIRE(inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
  return is_public(reinterpret_cast<const sockaddr&>(address));
}

}  // namespace

TEST_CASE("Hosts are compared in one form, and what could be read as another is none") {
  CHECK(parse_host("Example.ORG.") == "example.org");
  CHECK(parse_host("a_b-c.1e100.net") == "a_b-c.1e100.net");
  CHECK(parse_host("127.0.0.1") == "127.0.0.1");
  CHECK(parse_host("2001:DB8:0::1") == "2001:db8::1");
  CHECK(is_address("2001:db8::1"));
  CHECK_FALSE(is_address("example.org"));
  for (const char* wrong : {"", ".", "..", "a..b", ".a", "a.b..", "127.1", "0177.0.0.1", "0x7f.1",
                            "2130706433", "0x7f000001", "a.0x1", "127.0.0.1.", "a b", "a/b", "a@b",
                            "a%2eb", "a\\b", "a,b", "[::1]", "::1%lo", "\xc3\xa4.de", "*.a"}) {
    INFO(wrong);
    CHECK_FALSE(parse_host(wrong).has_value());
  }
  CHECK_FALSE(parse_host(std::string("a\0b", 3)).has_value());
  CHECK_FALSE(parse_host(std::string(64, 'a')).has_value());
  CHECK_FALSE(parse_host(std::string(300, 'a')).has_value());
}

TEST_CASE("A rule names a host, all beneath it, an address, or one of its ports") {
  CHECK(host_rule("Example.org").fits("example.org"));
  CHECK_FALSE(host_rule("example.org").fits("a.example.org"));
  CHECK(host_rule("*.example.org").fits("a.b.example.org"));
  CHECK_FALSE(host_rule("*.example.org").fits("example.org"));
  CHECK_FALSE(host_rule("*.example.org").fits("notexample.org"));
  CHECK(host_rule("*.example.org:81").port == 81);
  CHECK(host_rule("[::1]:81").host == "::1");
  CHECK(host_rule("::1").fits("::1"));
  for (const char* wrong : {"", "*", "*.", "*.127.0.0.1", "https://pypi.org", "pypi.org/simple",
                            "a:0", "a:65536", "a:", "a:+1", "a:1:2", "[a]", "[::1", "a.*.b"}) {
    INFO(wrong);
    CHECK_THROWS_AS(host_rule(wrong), Error);
  }
}

TEST_CASE("A plain request goes on to the host that was decided about, and to no other") {
  const ProxyRequest request = read_request(
      "GET http://Example.ORG:8080/a?b HTTP/1.1\r\nHost: other.example\r\nAccept: */*\r\n"
      "Proxy-Authorization: x\r\nConnection: keep-alive\r\nContent-Length: 12\r\n\r\n");
  CHECK(request.host == "example.org");
  CHECK(request.port == 8080);
  CHECK(request.body_bytes == 12);
  CHECK_FALSE(request.is_tunnel);
  CHECK(request.head ==
        "GET /a?b HTTP/1.1\r\nHost: example.org:8080\r\nConnection: close\r\n"
        "Accept: */*\r\nContent-Length: 12\r\n\r\n");
  CHECK(read_request("GET http://a.b HTTP/1.0\r\n\r\n").head ==
        "GET / HTTP/1.0\r\nHost: a.b\r\nConnection: close\r\n\r\n");
  CHECK(read_request("GET http://[::1]?q HTTP/1.1\r\n\r\n").head.starts_with(
      "GET /?q HTTP/1.1\r\nHost: [::1]\r\n"));
  CHECK(read_request("CONNECT a.b.:443 HTTP/1.1\r\n\r\n").host == "a.b");
  CHECK(read_request("CONNECT [2001:DB8::1]:443 HTTP/1.1\r\n\r\n").host == "2001:db8::1");
}

TEST_CASE("What is no request to a proxy, or can be read in two ways, is refused") {
  for (const char* wrong :
       {"", "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "get http://a/ HTTP/1.1\r\n\r\n", "GET https://a/ HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/2\r\n\r\n", "GET http://a b/ HTTP/1.1\r\n\r\n",
        "GET http://user@a/ HTTP/1.1\r\n\r\n", "GET http:///a HTTP/1.1\r\n\r\n",
        "GET http://a%2eb/ HTTP/1.1\r\n\r\n", "GET http://a\\b/ HTTP/1.1\r\n\r\n",
        "GET http://a/#b HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1 \r\n\r\n",
        "CONNECT a HTTP/1.1\r\n\r\n", "CONNECT a: HTTP/1.1\r\n\r\n",
        "CONNECT a:0 HTTP/1.1\r\n\r\n", "CONNECT a:70000 HTTP/1.1\r\n\r\n",
        "CONNECT a:443:1 HTTP/1.1\r\n\r\n", "CONNECT a:443@b:443 HTTP/1.1\r\n\r\n",
        "CONNECT .a:443 HTTP/1.1\r\n\r\n", "CONNECT [a]:443 HTTP/1.1\r\n\r\n",
        "CONNECT [::1%lo]:443 HTTP/1.1\r\n\r\n", "CONNECT 127.1:443 HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nfolded:\r\n on\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: b\nHost: c\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nA: b\rc\r\n\r\n", "GET http://a/ HTTP/1.1\r\n: b\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost : b\r\n\r\n", "GET http://a/ HTTP/1.1\r\nA: b\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    INFO(wrong);
    const auto parsed = parse_proxy_request(wrong);
    REQUIRE(std::holds_alternative<ProxyRefusal>(parsed));
    const std::string answer = refusal_answer(std::get<ProxyRefusal>(parsed));
    CHECK(answer.starts_with("HTTP/1.1 4"));
    CHECK(answer.substr(0, answer.find("\r\n")).find_first_of("\r\n\t\x7f") == std::string::npos);
  }
}

TEST_CASE("A host is allowed by its whole name and at the usual ports, and denials win") {
  CHECK(why_not({"example.org"}, "EXAMPLE.org:443") == "");
  CHECK(why_not({"example.org"}, "example.org.:80") == "");
  CHECK(why_not({"example.org"}, "example.org:22") == "port-not-allowed");
  CHECK(why_not({"example.org:22"}, "example.org:22") == "");
  CHECK(why_not({"example.org:22"}, "example.org:443") == "port-not-allowed");
  CHECK(why_not({"example.org", "example.org:22"}, "example.org:22") == "");
  CHECK(why_not({"*.example.org"}, "a.b.example.org:443") == "");
  CHECK(why_not({"*.example.org"}, "example.org:443") == "host-not-allowed");
  for (const char* other : {"example.org.evil.net:443", "notexample.org:443", "org:443"}) {
    CHECK(why_not({"example.org", "*.example.org"}, other) == "host-not-allowed");
  }
  CHECK(why_not({"*.example.org"}, "bad.example.org:443", {"bad.example.org"}) == "host-denied");
  CHECK(why_not({"example.org"}, "example.org:80", {"example.org:80"}) == "host-denied");
  CHECK(why_not({"example.org"}, "example.org:443", {"example.org:80"}) == "");
  CHECK(why_not({"127.0.0.1"}, "127.0.0.1:443") == "");
  CHECK(why_not({"127.0.0.1"}, "[::ffff:127.0.0.1]:443") == "host-not-allowed");
  CHECK(why_not({}, "example.org:443") == "host-not-allowed");
}

TEST_CASE("A refusal names the host and the option that allows it") {
  const ProxyRules rules = make_proxy_rules({"example.org"}, {});
  const auto told = [&](const std::string& head) {
    return refusal_answer(refusal_of(rules, read_request(head)));
  };
  const std::string answer = told("CONNECT other.net:443 HTTP/1.1\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 403 corvid: other.net is not allowed; a person allows it with "
                           "--allow-host other.net\r\nX-Corvid-Refused: host-not-allowed\r\n"));
  CHECK(told("GET http://[::1]:81/ HTTP/1.1\r\n\r\n").find("--allow-host [::1]:81\r\n") !=
        std::string::npos);
}

TEST_CASE("Private, local and reserved addresses are told from public ones") {
  for (const char* text : {"127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1",
                           "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                           "0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1"}) {
    INFO(text);
    CHECK_FALSE(is_public_four(text));
  }
  for (const char* text : {"8.8.8.8", "172.15.255.255", "172.32.0.1", "100.128.0.1", "1.1.1.1"}) {
    INFO(text);
    CHECK(is_public_four(text));
  }
  for (const char* text : {"::1", "::", "fe80::1", "fc00::1", "::ffff:8.8.8.8", "2002:7f00:1::",
                           "64:ff9b::7f00:1", "2001::1", "2001:db8::1", "ff02::1"}) {
    INFO(text);
    CHECK_FALSE(is_public_six(text));
  }
  CHECK(is_public_six("2606:4700::1"));
}

}  // namespace corvid::sandbox
