// Any server that speaks OpenAI's chat completions (platform.openai.com/docs/api-reference/chat):
// OPENAI_BASE_URL (default https://api.openai.com/v1), OPENAI_API_KEY. The server keeps nothing:
// the conversation is this object's list of messages, sent whole each time, so that its beginning
// is the same bytes every time and the server's prefix cache can serve it.

#include <algorithm>
#include <map>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/provider.h"
#include "runtime/providers/support/remote.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kWindowUsual = 128'000;
constexpr size_t kCallsMax = 64;
constexpr const char* kReasoning = "reasoning_content";

// Some servers cut a stream in the middle of a character. JSON cannot hold the bytes of half a one:
// while it is read each stands as a character that nobody uses, U+10FF00 and the byte.
std::string with_marked_bytes(std::string_view data) {
  if (is_utf8(data)) return std::string(data);
  std::string out;
  while (!data.empty()) {
    const auto byte = static_cast<unsigned char>(data[0]);
    const size_t size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const std::string_view piece = data.substr(0, size);
    const bool is_whole = is_utf8(piece);
    if (is_whole) out += piece;
    else out.append({'\xf4', '\x8f', char(0xbc | (byte >> 6)), char(0x80 | (byte & 0x3f))});
    data.remove_prefix(is_whole ? piece.size() : 1);
  }
  return out;
}

std::string with_plain_bytes(std::string text) {
  for (size_t at = 0; (at = text.find("\xf4\x8f", at)) != text.npos && at + 3 < text.size(); ++at) {
    const auto third = static_cast<unsigned char>(text[at + 2]);
    if (third < 0xbe) continue;
    text.replace(at, 4, 1, char(((third & 3) << 6) | (text[at + 3] & 0x3f)));
  }
  return text;
}

// One answer, put together from the pieces of a stream.
class Completion {
 public:
  explicit Completion(const std::function<void(std::string_view)>& on_text) : on_text_(on_text) {}

  void begin() {
    if (!text_.empty() && on_text_) on_text_("\n[the answer broke off; asked again]\n");
    text_.clear();
    reasoning_.clear();
    shown_ = 0;
    calls_.clear();
    places_.clear();
    finish_.clear();
    counts_ = {};
  }

  void take(std::string_view data, const char* message_key) {
    const Json json = parse_json(with_marked_bytes(data), "the server's answer");
    if (!json.is_object()) fail(Code::invalid, "the server's answer is no JSON object");
    if (json.contains("error") && !json.at("error").is_null()) {
      fail(Code::invalid, error_text(data));
    }
    take_usage(json);
    if (!json.contains("choices") || !json.at("choices").is_array()) return;
    for (const Json& choice : json.at("choices")) {
      if (!choice.is_object() || json_int_or(choice, "index", 0) != 0) continue;
      if (choice.contains(message_key) && choice.at(message_key).is_object()) {
        take_message(choice.at(message_key));
      }
      if (choice.contains("finish_reason") && choice.at("finish_reason").is_string()) {
        finish_ = choice.at("finish_reason").get<std::string>();
      }
    }
  }

  // Some servers end a stream without the reason of its end.
  void take_done() {
    if (finish_.empty() && (!text_.empty() || !calls_.empty())) finish_ = "stop";
  }

  bool is_complete() const { return !finish_.empty(); }

  Reply reply() const {
    Reply reply;
    reply.message.role = Role::assistant;
    reply.message.content = to_utf8(text_);
    reply.message.reasoning = to_utf8(trim(reasoning_));
    for (const auto& [place, call] : calls_) {
      if (call.name.empty()) continue;
      reply.message.calls.push_back(call);
      reply.message.calls.back().arguments = to_utf8(call.arguments);
    }
    reply.end = finish_ == "length" ? ReplyEnd::length : ReplyEnd::end;
    if (finish_ == "content_filter" && text_.empty() && calls_.empty()) {
      fail(Code::io, "the server's content filter withheld the answer");
    }
    reply.tokens = counts_;
    return reply;
  }

 private:
  void take_usage(const Json& json) {
    if (!json.contains("usage") || !json.at("usage").is_object()) return;
    const Json& usage = json.at("usage");
    const int64_t prompt = number(usage, "prompt_tokens");
    int64_t cached = 0;
    if (usage.contains("prompt_tokens_details") && usage.at("prompt_tokens_details").is_object()) {
      cached = number(usage.at("prompt_tokens_details"), "cached_tokens");
    }
    counts_.reused = std::min(cached, prompt);
    counts_.prefilled = prompt - counts_.reused;
    counts_.generated = number(usage, "completion_tokens");
  }

  static int64_t number(const Json& object, const char* key) {
    if (!object.contains(key) || !object.at(key).is_number()) return 0;
    return std::max<int64_t>(0, object.at(key).get<int64_t>());
  }

  static std::string text_of(const Json& object, const char* key) {
    if (!object.contains(key) || !object.at(key).is_string()) return {};
    return object.at(key).get<std::string>();
  }

  void take_message(const Json& message) {
    // The one name or the other, or both for the same text.
    const std::string named = text_of(message, kReasoning);
    reasoning_ += with_plain_bytes(named.empty() ? text_of(message, "reasoning") : named);
    text_ += with_plain_bytes(text_of(message, "content"));
    const size_t end = whole_characters(text_);
    if (end > shown_ && on_text_) on_text_(to_utf8(text_.substr(shown_, end - shown_)));
    shown_ = std::max(shown_, end);
    if (!message.contains("tool_calls") || !message.at("tool_calls").is_array()) return;
    for (const Json& part : message.at("tool_calls")) {
      if (!part.is_object()) fail(Code::invalid, "the server's tool call is no JSON object");
      take_call(part);
    }
  }

  // Servers number the calls, repeat their ids, send each call whole, or give all the number 0.
  int64_t place_of(const Json& part, const std::string& id, bool has_name) {
    const int64_t next = calls_.empty() ? 0 : calls_.rbegin()->first + 1;
    if (part.contains("index") && part.at("index").is_number_integer()) {
      int64_t& place = places_.try_emplace(part.at("index").get<int64_t>(), next).first->second;
      const auto known = calls_.find(place);
      const bool is_other = known != calls_.end() && !id.empty() && !known->second.id.empty() &&
                            known->second.id != id;
      if (is_other) place = next;
      return place;
    }
    if (!id.empty()) {
      const auto same = std::find_if(calls_.begin(), calls_.end(),
                                     [&](const auto& entry) { return entry.second.id == id; });
      return same != calls_.end() ? same->first : next;
    }
    const bool goes_on = !calls_.empty() && (!has_name || calls_.rbegin()->second.name.empty());
    return goes_on ? next - 1 : next;
  }

  void take_call(const Json& part) {
    const std::string id = text_of(part, "id");
    const bool has_function = part.contains("function") && part.at("function").is_object();
    const bool has_name = has_function && !text_of(part.at("function"), "name").empty();
    const int64_t place = place_of(part, id, has_name);
    if (calls_.size() >= kCallsMax && !calls_.contains(place)) {
      fail(Code::invalid, "the server's answer has more than 64 tool calls");
    }
    ToolCall& call = calls_[place];
    if (!id.empty()) call.id = id;
    if (!has_function) return;
    const Json& function = part.at("function");
    if (call.name.empty()) call.name = text_of(function, "name");
    if (!function.contains("arguments")) return;
    const Json& arguments = function.at("arguments");
    if (arguments.is_string()) call.arguments += with_plain_bytes(arguments.get<std::string>());
    if (arguments.is_object()) call.arguments = with_plain_bytes(dump_json(arguments));
  }

  const std::function<void(std::string_view)>& on_text_;
  std::string text_, reasoning_;
  size_t shown_ = 0;  // bytes of text_ that on_text_ got: whole characters
  std::map<int64_t, ToolCall> calls_;   // in the order of their first pieces
  std::map<int64_t, int64_t> places_;  // the server's index -> where in calls_
  std::string finish_;
  TokenCounts counts_;
};

// A parameter that a server does not know is left out, or goes by its other name.
bool mend_request(std::string_view error, std::string& body) {
  Json json = parse_json(body, "request");
  const auto names = [&](std::string_view name) { return error.find(name) != error.npos; };
  const auto rename = [&](const char* from, const char* to) {
    if (!json.contains(from)) return false;
    json[to] = json.at(from);
    json.erase(from);
    return true;
  };
  bool is_mended = false;
  if (names(kReasoning)) {
    for (Json& message : json.at("messages")) {
      is_mended = message.erase(kReasoning) > 0 || is_mended;
    }
  } else if (names("max_completion_tokens") && names("max_tokens")) {
    is_mended = rename("max_tokens", "max_completion_tokens") ||
                rename("max_completion_tokens", "max_tokens");
  } else if (names("max_completion_tokens")) {
    is_mended = rename("max_completion_tokens", "max_tokens");
  } else {
    for (const char* key : {"response_format", "stream_options", "tool_choice", "seed",
                            "temperature", "max_tokens"}) {
      if (!is_mended && names(key) && json.contains(key)) {
        json.erase(key);
        is_mended = true;
      }
    }
  }
  if (is_mended) body = dump_json(json);
  return is_mended;
}

class OpenAi final : public Provider {
 public:
  OpenAi(std::string_view model, int64_t window)
      : model_(model), meter_(window > 0 ? window : kWindowUsual) {
    if (model_.empty()) fail(Code::invalid, "openai: no model named; write openai:NAME");
    const std::string url = base_url("OPENAI_BASE_URL", "https://api.openai.com/v1");
    endpoint_.name = host_of(url);
    endpoint_.client->prepare();
    endpoint_.url = url + "/chat/completions";
    endpoint_.key = api_key("OPENAI_API_KEY", "openai");
    if (!endpoint_.key.empty()) {
      endpoint_.headers.push_back("Authorization: Bearer " + endpoint_.key);
    } else if (url.starts_with("https://api.openai.com")) {
      fail(
          Code::not_found,
          "no key for api.openai.com: set OPENAI_API_KEY, or write it to keys/openai (mode 600) in "
          "Corvid's configuration folder; OPENAI_BASE_URL names another server");
    }
  }

  bool is_repeatable() const override { return false; }
  std::string describe() const override { return model_ + " at " + endpoint_.name; }

  void start(const std::string& system, std::span<const ToolDeclaration> tools) override {
    messages_.push_back({Role::system, system, {}, {}});
    Json list = Json::array();
    for (const ToolDeclaration& tool : tools) {
      list.push_back({{"type", "function"},
                      {"function",
                       {{"name", tool.name},
                        {"description", tool.description},
                        {"parameters", parse_json(tool.schema, "schema of " + tool.name)}}}});
    }
    tools_ = dump_json(list);
  }

  TokenCounts read(std::span<const Message> added, std::stop_token) override {
    take_in(messages_, added);
    return {};
  }

  ContextUse context(std::span<const Message> added) const override {
    return meter_.use(messages_, added, fixed_bytes());
  }

  TokenCounts restart(std::span<const Message> messages, std::stop_token) override {
    messages_.resize(1);  // the system text
    written_.clear();
    written_count_ = 0;
    meter_.forget_report();
    take_in(messages_, messages);
    return {};
  }

  Reply complete(const Request& request, std::stop_token stop) override {
    Completion completion(request.on_text);
    AnswerReader reader;
    reader.begin = [&] { completion.begin(); };
    reader.take_event = [&](std::string_view data) { completion.take(data, "delta"); };
    reader.take_whole = [&](std::string_view body) { completion.take(body, "message"); };
    reader.take_done = [&] { completion.take_done(); };
    reader.is_complete = [&] { return completion.is_complete(); };
    if (const auto refusal = ask(endpoint_, body_of(request), reader, mend_request, stop)) {
      meter_.learn(*refusal, messages_, fixed_bytes());
      return too_long_reply(*refusal);
    }
    Reply reply = completion.reply();
    messages_.push_back(reply.message);
    meter_.report(reply.tokens, messages_.size());
    for (ToolCall& call : reply.message.calls) call.id.clear();
    return reply;
  }

  std::unique_ptr<Provider> fork(const std::string& lineage) const override {
    auto copy = std::make_unique<OpenAi>(*this);
    copy->lineage_ = lineage;
    return copy;
  }
  std::string lineage() const override { return lineage_; }

  void save(const std::filesystem::path&) const override {}  // the session's log holds it all
  TokenCounts restore(const std::filesystem::path&, std::span<const Message> messages,
                      std::span<const EvaluatedTokens>) override {
    take_in(messages_, messages);
    return {};
  }

 private:
  size_t fixed_bytes() const { return tools_.size(); }

  std::string body_of(const Request& request) {
    Json json = {
        {"model", model_}, {"stream", true}, {"stream_options", {{"include_usage", true}}}};
    const bool has_tools = tools_ != "[]" && request.schema.empty();
    if (has_tools && request.no_calls) json["tool_choice"] = "none";
    if (!request.schema.empty()) {
      json["response_format"] = {{"type", "json_schema"},
                                 {"json_schema",
                                  {{"name", "answer"},
                                   {"schema", parse_json(request.schema, "schema of a reply")}}}};
    }
    json[is_openai() ? "max_completion_tokens" : "max_tokens"] =
        meter_.reply_tokens(request.tokens_max, messages_, fixed_bytes());
    if (request.temperature >= 0) json["temperature"] = request.temperature;
    if (request.seed != 0) json["seed"] = int64_t(request.seed % (uint64_t{1} << 31));
    std::string body = dump_json(json);
    body.back() = ',';
    body += "\"messages\":[" + wire_messages() + "]";
    if (has_tools) body += ",\"tools\":" + tools_;
    return body + "}";
  }

  // Each message is written once, but for the last reply and what answers it: its calls may still
  // get other ids.
  std::string wire_messages() {
    size_t settled = messages_.size();
    while (settled > 0 && messages_[settled - 1].role != Role::assistant) --settled;
    const auto add = [&](std::string& text, size_t index) {
      text += (text.empty() ? "" : ",") + dump_json(to_wire(messages_[index]));
    };
    for (; written_count_ + 1 < settled; ++written_count_) add(written_, written_count_);
    std::string all = written_;
    for (size_t i = written_count_; i < messages_.size(); ++i) add(all, i);
    return all;
  }

  // Which refuses what it does not know.
  bool is_openai() const { return endpoint_.name == "api.openai.com"; }

  Json to_wire(const Message& message) const {
    Json json = {{"role", role_name(message.role)}, {"content", to_utf8(message.content)}};
    if (!message.reasoning.empty() && !is_openai()) {
      json[kReasoning] = to_utf8(message.reasoning);
    }
    if (message.role == Role::tool) json["tool_call_id"] = message.call_id;
    if (message.calls.empty()) return json;
    if (message.content.empty()) json["content"] = nullptr;
    for (const ToolCall& call : message.calls) {
      json["tool_calls"].push_back(
          {{"id", call.id},
           {"type", "function"},
           {"function", {{"name", call.name}, {"arguments", object_text(call.arguments)}}}});
    }
    return json;
  }

  std::string model_;
  Endpoint endpoint_;
  std::string tools_;  // JSON array
  std::vector<Message> messages_;
  std::string written_;       // the first of them, as they are sent
  size_t written_count_ = 0;  // how many
  WindowMeter meter_;
  std::string lineage_ = "main";
};

}  // namespace

std::unique_ptr<Provider> make_openai(std::string_view model, const ProviderOptions& options) {
  return std::make_unique<OpenAi>(model, options.context_tokens);
}

}  // namespace corvid::runtime
