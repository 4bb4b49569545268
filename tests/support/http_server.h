#pragma once
// A scripted HTTP server on 127.0.0.1: the n-th request gets the n-th answer, byte for byte, and
// the connection is closed, unless the answer holds "Connection: keep-alive".

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace corvid::test {

struct ReceivedRequest {
  std::string head;  // request line and headers
  std::string body;
  int connection = 0;  // 1, 2, ... in the order of their beginning
};

class HttpServer {
 public:
  // An empty answer closes the connection without a word. After the last one it goes on with it.
  // The first `together` requests are answered once all of them are there.
  explicit HttpServer(std::vector<std::string> answers, size_t together = 1);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;  // "http://127.0.0.1:PORT"
  std::vector<ReceivedRequest> requests() const;

 private:
  void serve();
  void talk(int connection);
  bool answer(int connection);  // false: it is to be closed

  std::vector<std::string> answers_;
  size_t together_;
  mutable std::mutex mutex_;
  std::vector<ReceivedRequest> requests_;
  int socket_ = -1;
  int port_ = 0;
  int connection_count_ = 0;
  std::thread thread_;
};

// "HTTP/1.1 STATUS ..." with headers and a body of known length.
std::string http_answer(int status, const std::string& body,
                        const std::string& content_type = "application/json",
                        const std::string& more_headers = "");
// A 200 answer of server-sent events, one per line of `data`.
std::string sse_answer(const std::vector<std::string>& data);

}  // namespace corvid::test
