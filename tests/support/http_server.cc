#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace corvid::test {
namespace {

ReceivedRequest receive(int connection) {
  std::string bytes;
  ReceivedRequest request;
  char buffer[65536];
  size_t head_end = std::string::npos;
  size_t body_size = 0;
  for (;;) {
    if (head_end == std::string::npos) {
      head_end = bytes.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        request.head = bytes.substr(0, head_end + 2);
        const size_t at = request.head.find("Content-Length: ");
        if (at != std::string::npos) body_size = std::stoul(request.head.substr(at + 16));
        if (request.head.find("Expect: 100-continue") != std::string::npos) {
          const std::string go_on = "HTTP/1.1 100 Continue\r\n\r\n";
          (void)!::write(connection, go_on.data(), go_on.size());
        }
      }
    }
    if (head_end != std::string::npos && bytes.size() >= head_end + 4 + body_size) break;
    const ssize_t count = ::read(connection, buffer, sizeof buffer);
    if (count <= 0) break;
    bytes.append(buffer, size_t(count));
  }
  if (head_end != std::string::npos) request.body = bytes.substr(head_end + 4);
  return request;
}

}  // namespace

HttpServer::HttpServer(std::vector<std::string> answers, size_t together)
    : answers_(std::move(answers)), together_(together) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (socket_ < 0 || ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(socket_, 16) != 0 ||
      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    fail_errno("test server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  ::shutdown(socket_, SHUT_RDWR);
  thread_.join();
  ::close(socket_);
}

std::string HttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<ReceivedRequest> HttpServer::requests() const {
  const std::scoped_lock guard(mutex_);
  return requests_;
}

void HttpServer::serve() {
  std::vector<int> held;
  for (;;) {
    const int connection = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) break;
    held.push_back(connection);
    if (held.size() < together_) continue;
    for (const int each : held) talk(each);
    held.clear();
    together_ = 1;
  }
  for (const int each : held) ::close(each);
}

void HttpServer::talk(int connection) {
  ++connection_count_;
  while (answer(connection)) {
    char next = 0;
    if (::recv(connection, &next, 1, MSG_PEEK) <= 0) break;
  }
  ::shutdown(connection, SHUT_WR);
  ::close(connection);
}

bool HttpServer::answer(int connection) {
  ReceivedRequest request = receive(connection);
  request.connection = connection_count_;
  std::string text;
  {
    const std::scoped_lock guard(mutex_);
    requests_.push_back(std::move(request));
    if (!answers_.empty()) text = answers_[std::min(requests_.size(), answers_.size()) - 1];
  }
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count =
        ::send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) break;
    sent += size_t(count);
  }
  return text.find("Connection: keep-alive") != std::string::npos;
}

std::string http_answer(int status, const std::string& body, const std::string& content_type,
                        const std::string& more_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + content_type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more_headers +
         "Connection: close\r\n\r\n" + body;
}

std::string sse_answer(const std::vector<std::string>& data) {
  std::string body;
  for (const std::string& line : data) body += "data: " + line + "\n\n";
  return http_answer(200, body, "text/event-stream");
}

}  // namespace corvid::test
