#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace corvid {

struct HttpRequest {
  std::string url;                   // http or https
  std::vector<std::string> headers;  // "Name: value"
  std::string body;                  // sent by POST
  bool is_post = true;
  bool public_only = false;  // refuse names whose address is private, local or reserved
  int64_t connect_ms_max = 20'000;
  int64_t silent_ms_max = 600'000;  // without a byte from the server
  int64_t response_bytes_max = 64 << 20;
};

struct HttpResponse {
  int status = 0;                              // 0: the connection ended before a status
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // what `on_data` did not take
  std::string problem;  // empty; else why the exchange did not end as it should: "timed out"
};

// Asks servers, and keeps connections between exchanges. Thread-safe. libcurl is loaded when it is
// first needed.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Loads libcurl in a thread of its own, so that the first exchange need not wait for it.
  void prepare();

  // One exchange; redirects are not followed. The body of a 2xx answer goes to `on_data` piece by
  // piece where it is given, other bodies are kept. Proxy variables and SSL_CERT_FILE,
  // SSL_CERT_DIR, CURL_CA_BUNDLE are honoured. A failure on the way is an outcome (`problem`).
  // Throws cancelled; unsupported when libcurl is missing; invalid for a bad URL. Blocking.
  HttpResponse exchange(const HttpRequest& request,
                        const std::function<void(std::string_view)>& on_data,
                        std::stop_token stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid
