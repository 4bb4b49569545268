#include "runtime/providers/support/remote.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <optional>

#include <sys/stat.h>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/log.h"
#include "runtime/base/text.h"
#include "runtime/paths.h"
#include "runtime/providers/support/sse.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kWaitMsMax = 60'000;
constexpr size_t kErrorBytes = 600;

std::string without_key(std::string text, const std::string& key) {
  if (key.size() < 4) return text;
  for (size_t at = text.find(key); at != text.npos; at = text.find(key)) {
    text.replace(at, key.size(), "(key)");
  }
  return text;
}

bool is_worth_another_try(int status) {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

// What the server asks for, in milliseconds.
std::optional<int64_t> wait_asked_for(const HttpResponse& response) {
  for (const auto& [name, unit_ms] : {std::pair{"retry-after-ms", 1.0}, {"retry-after", 1000.0}}) {
    const auto header = response.headers.find(name);
    if (header == response.headers.end()) continue;
    char* end = nullptr;
    const double value = std::strtod(header->second.c_str(), &end);
    if (end != header->second.c_str() && value >= 0 && value < 1e6) return int64_t(value * unit_ms);
  }
  return std::nullopt;
}

void wait(int64_t ms, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, std::chrono::milliseconds(ms), [] { return false; });
  if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
}

std::string what_to_do(int status) {
  if (status == 401 || status == 403) return "; check the key";
  if (status == 404) return "; check the model's name and the base URL";
  if (status == 413) return "; the conversation may be too long for the model";
  if (status == 429) return "; the account's limit is reached";
  return "";
}

// One try. The text says what went wrong and is empty when the answer is complete.
std::string one_try(const Endpoint& endpoint, const std::string& body, const AnswerReader& answer,
                    HttpResponse& response, std::stop_token stop) {
  HttpRequest request;
  request.url = endpoint.url;
  request.headers = endpoint.headers;
  request.headers.push_back("Content-Type: application/json");
  request.headers.push_back("Accept: text/event-stream, application/json");
  request.body = body;
  answer.begin();
  std::string whole;
  std::optional<bool> is_stream;  // known with the first byte
  bool is_empty = true;
  SseReader reader([&](std::string_view, std::string_view data) {
    data = trim(data);
    if (data.empty()) return;
    is_empty = false;
    if (data != "[DONE]") answer.take_event(data);
    else if (answer.take_done) answer.take_done();
  });
  try {
    response = endpoint.client->exchange(
        request,
        [&](std::string_view piece) {
          if (!is_stream.has_value()) {
            const size_t at = piece.find_first_not_of(" \r\n\t");
            if (at == piece.npos) return;
            is_stream = piece[at] != '{';
          }
          if (*is_stream) {
            reader.feed(piece);
          } else {
            whole += piece;
          }
        },
        stop);
    if (response.status >= 200 && response.status < 300 && response.problem.empty()) {
      if (is_stream.value_or(false)) reader.end();
      if (!whole.empty()) answer.take_whole(whole);
    }
  } catch (const Error& error) {  // edge: damaged data from the server
    if (error.code() != Code::invalid) throw;
    response.status = 200;
    return error.what();
  }
  if (response.status == 0) return response.problem.empty() ? "no answer" : response.problem;
  if (response.status < 200 || response.status >= 300) {
    return "HTTP " + std::to_string(response.status) + ": " + error_text(response.body);
  }
  if (!response.problem.empty()) return "the stream broke off: " + response.problem;
  if (answer.is_complete()) return "";
  if (!is_empty || !whole.empty()) return "the stream ended before the answer did";
  return "the answer was empty, as some servers' is when the conversation is longer than their "
         "model's window (--context-tokens N keeps it shorter)";
}

void give_id(std::vector<Message>& messages, const std::string& call_id) {
  size_t answered_count = 0;
  for (size_t i = messages.size(); i-- > 0;) {
    if (messages[i].role == Role::tool) {
      ++answered_count;
    } else {
      std::vector<ToolCall>& calls = messages[i].calls;
      if (answered_count < calls.size()) calls[answered_count].id = call_id;
      return;
    }
  }
}

}  // namespace

std::string base_url(const char* variable, const std::string& fallback) {
  const char* value = std::getenv(variable);
  std::string url = value == nullptr || *value == '\0' ? fallback : value;
  while (url.ends_with('/')) url.pop_back();
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    // Not the value: it may hold a password.
    fail(Code::invalid, std::string(variable) + " is no http or https address");
  }
  return url;
}

std::string host_of(const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t begin = scheme == url.npos ? 0 : scheme + 3;
  const std::string host = url.substr(begin, url.find('/', begin) - begin);
  const size_t at = host.rfind('@');
  return at == host.npos ? host : host.substr(at + 1);
}

std::string api_key(const char* variable, const std::string& name) {
  if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return value;
  const std::filesystem::path file = find_paths().config / "keys" / name;
  struct stat status;
  if (::stat(file.c_str(), &status) != 0) return {};
  if ((status.st_mode & 077) != 0) {
    fail(Code::denied, file.string() + " may be read by others; chmod 600 " + file.string());
  }
  return std::string(trim(read_file(file, 64 << 10)));
}

void take_in(std::vector<Message>& messages, std::span<const Message> added) {
  for (const Message& message : added) {
    if (message.role == Role::tool) give_id(messages, message.call_id);
    messages.push_back(message);
  }
}

std::string object_text(const std::string& arguments) {
  const Json json = try_parse_json(arguments);
  return json.is_object() ? arguments : "{}";
}

std::string error_text(std::string_view body) {
  std::string text(trim(body));
  if (text.starts_with('{')) {
    const Json json = try_parse_json(text);
    if (json.is_object() && json.contains("error")) {
      const Json& error = json.at("error");
      if (error.is_string()) text = error.get<std::string>();
      if (error.is_object() && error.contains("message") && error.at("message").is_string()) {
        text = error.at("message").get<std::string>();
      }
    } else if (json.is_object() && json.contains("message") && json.at("message").is_string()) {
      text = json.at("message").get<std::string>();
    }
  }
  if (text.empty()) return "(no text)";
  return printable(std::string(truncate_utf8(to_utf8(text), kErrorBytes)));
}

std::optional<TooLong> ask(
    const Endpoint& endpoint, std::string body, const AnswerReader& answer,
    const std::function<bool(std::string_view error, std::string& body)>& mend,
    std::stop_token stop) {
  int64_t backoff_ms = endpoint.backoff_ms;
  int mended_count = 0;
  for (int number = 1;; ++number) {
    HttpResponse response;
    const std::string problem =
        without_key(one_try(endpoint, body, answer, response, stop), endpoint.key);
    if (problem.empty()) return std::nullopt;
    const int status = response.status;
    const bool is_refusal = status == 400 || status == 413 || status == 422;
    if (is_refusal || status == 200 || status >= 500) {
      if (auto refusal = read_too_long(problem + "\n" + response.body, is_refusal)) {
        refusal->words = endpoint.name + ": " + problem;
        return refusal;
      }
    }
    if ((status == 400 || status == 422) && mended_count < 4 && mend(problem, body)) {
      ++mended_count;
      --number;
      continue;
    }
    const bool is_broke = problem.find("insufficient_quota") != problem.npos ||
                          response.body.find("insufficient_quota") != std::string::npos;
    const bool is_refused = status >= 300 && !is_worth_another_try(status);
    if (is_refused || is_broke || number >= endpoint.tries_max) {
      const std::string tries = number > 1 ? " (tried " + std::to_string(number) + " times)" : "";
      const std::string advice =
          status == 0 ? "; is the server running?" : what_to_do(status);
      fail(Code::io, endpoint.name + ": " + problem + advice + tries);
    }
    const std::optional<int64_t> asked_ms = wait_asked_for(response);
    const int64_t pause_ms = std::min(asked_ms.value_or(backoff_ms), kWaitMsMax);
    log::info("provider", "asking again", {{"after", problem}, {"ms", std::to_string(pause_ms)}});
    wait(pause_ms, stop);
    if (!asked_ms.has_value()) backoff_ms = std::min<int64_t>(backoff_ms * 2, 30'000);
  }
}

}  // namespace corvid::runtime
