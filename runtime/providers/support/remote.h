#pragma once
// What the providers that talk to a server have in common: where it is, the key, and asking again.

#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/http.h"
#include "runtime/provider.h"

namespace corvid::runtime {

struct Endpoint {
  std::string name;  // for errors: "api.openai.com"
  std::string url;
  std::string key;                   // never in an error text or a log
  std::vector<std::string> headers;  // the key's among them
  int tries_max = 6;
  int64_t backoff_ms = 500;  // doubled at each try, at most 30 s, unless the server names a time
  std::shared_ptr<HttpClient> client = std::make_shared<HttpClient>();  // of forks, too
};

// The address in the environment variable `variable`, else `fallback`; without a slash at the end.
// Throws invalid for what is no http or https address.
std::string base_url(const char* variable, const std::string& fallback);
// "host:port" of an address.
std::string host_of(const std::string& url);

// The key in the environment variable `variable`; else in the file keys/NAME of Corvid's
// configuration folder, which only its owner may read. Empty when there is neither. Throws denied
// for a file that others may read.
std::string api_key(const char* variable, const std::string& name);

// What a server sends, as it arrives. begin() comes before each try: what was taken in is void.
struct AnswerReader {
  std::function<void()> begin;
  std::function<void(std::string_view data)> take_event;  // JSON; throws invalid
  std::function<void()> take_done = {};  // "[DONE]"; may be empty
  std::function<bool()> is_complete;                      // false: the stream broke off
  std::function<void(std::string_view body)> take_whole;  // an answer that is no event stream
};

// Asks until there is a complete answer. Again after connection failures, broken or damaged
// streams, and the statuses 408, 409, 429, 5xx. `mend` may change the request's body after a 400 or
// 422 (the text is the server's); it returns false when it knows nothing. Throws io with the
// server's own words and what to do; cancelled.
void ask(const Endpoint& endpoint, std::string body, const AnswerReader& answer,
         const std::function<bool(std::string_view error, std::string& body)>& mend,
         std::stop_token stop);

// How full the window of a model behind a server is: what it last reported, and three bytes to a
// token for what came since.
class WindowMeter {
 public:
  explicit WindowMeter(int64_t window) : window_(window) {}
  void report(const TokenCounts& counts, size_t message_count);
  void forget_report() { reported_ = 0, known_count_ = 0; }
  ContextUse use(std::span<const Message> messages, std::span<const Message> added,
                 size_t fixed_bytes) const;

 private:
  int64_t window_;
  int64_t reported_ = 0;    // 0: none, or none since a restart
  size_t known_count_ = 0;  // messages that it covers
};

// Appends `added` to a conversation. Calls are answered in their order: the first call of the last
// assistant message that no tool message has answered yet takes the session's id, whatever the
// server called it.
void take_in(std::vector<Message>& messages, std::span<const Message> added);

// Arguments as servers take them back: the text where it is a JSON object, else "{}".
std::string object_text(const std::string& arguments);

// The text of an error answer: its "error.message" where there is one.
std::string error_text(std::string_view body);

}  // namespace corvid::runtime
