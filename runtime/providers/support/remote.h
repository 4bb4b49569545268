#pragma once
// What the providers that talk to a server have in common: where it is, the key, and asking again.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/http.h"
#include "runtime/provider.h"
#include "runtime/providers/support/window.h"

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
// 422 (the text is the server's); it returns false when it knows nothing. A refusal of a
// conversation that is too long is returned; nullopt: the answer is complete. Throws io with the
// server's own words and what to do; cancelled.
std::optional<TooLong> ask(const Endpoint& endpoint, std::string body, const AnswerReader& answer,
         const std::function<bool(std::string_view error, std::string& body)>& mend,
         std::stop_token stop);

// Appends `added` to a conversation. Calls are answered in their order: the first call of the last
// assistant message that no tool message has answered yet takes the session's id, whatever the
// server called it.
void take_in(std::vector<Message>& messages, std::span<const Message> added);

// Arguments as servers take them back: the text where it is a JSON object, else "{}".
std::string object_text(const std::string& arguments);

// The text of an error answer: its "error.message" where there is one.
std::string error_text(std::string_view body);

}  // namespace corvid::runtime
