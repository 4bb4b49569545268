// Anthropic's Messages API (docs.anthropic.com/en/api/messages): ANTHROPIC_BASE_URL (default
// https://api.anthropic.com), ANTHROPIC_API_KEY. The conversation is this object's list of
// messages, sent whole each time; cache marks let the server reuse what it has read.

#include <algorithm>
#include <map>

#include "runtime/base/error.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/provider.h"
#include "runtime/providers/support/remote.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kWindowUsual = 200'000;
constexpr size_t kBlocksMax = 256;
constexpr const char* kAnswerTool = "answer";  // a reply under a schema is a call of it

const Json& object_at(const Json& json, const char* key) {
  static const Json kEmpty = Json::object();
  return json.contains(key) && json.at(key).is_object() ? json.at(key) : kEmpty;
}

std::string text_at(const Json& json, const char* key) {
  if (!json.contains(key) || !json.at(key).is_string()) return {};
  return json.at(key).get<std::string>();
}

int64_t count_at(const Json& json, const char* key) {
  if (!json.contains(key) || !json.at(key).is_number()) return 0;
  return std::max<int64_t>(0, json.at(key).get<int64_t>());
}

// One answer, put together from the events of a stream.
class Completion {
 public:
  explicit Completion(const std::function<void(std::string_view)>& on_text) : on_text_(on_text) {}

  void begin() {
    if (!blocks_.empty() && on_text_) on_text_("\n[the answer broke off; asked again]\n");
    blocks_.clear();
    stop_reason_.clear();
    is_complete_ = false;
    counts_ = {};
  }

  void take_event(std::string_view data) {
    const Json json = parse_json(data, "the server's event");
    if (!json.is_object()) fail(Code::invalid, "the server's event is no JSON object");
    const std::string type = text_at(json, "type");
    if (type == "error") fail(Code::invalid, error_text(data));
    if (type == "message_start") take_usage(object_at(object_at(json, "message"), "usage"));
    if (type == "content_block_start") start_block(json);
    if (type == "content_block_delta") take_delta(json);
    if (type == "message_delta") {
      const std::string reason = text_at(object_at(json, "delta"), "stop_reason");
      if (!reason.empty()) stop_reason_ = reason;
      take_usage(object_at(json, "usage"));
    }
    if (type == "message_stop") is_complete_ = true;
  }

  void take_whole(std::string_view body) {
    const Json json = parse_json(body, "the server's answer");
    if (text_at(json, "type") == "error") fail(Code::invalid, error_text(body));
    take_usage(object_at(json, "usage"));
    stop_reason_ = text_at(json, "stop_reason");
    int64_t index = 0;
    if (json.contains("content") && json.at("content").is_array()) {
      for (const Json& block : json.at("content")) {
        start_block({{"index", index++}, {"content_block", block}});
      }
    }
    is_complete_ = !stop_reason_.empty();
  }

  bool is_complete() const { return is_complete_; }

  Reply reply() const {
    Reply reply;
    reply.message.role = Role::assistant;
    for (const auto& [index, block] : blocks_) {
      if (block.kind == Kind::call) {
        reply.message.calls.push_back({{}, block.name, block.text.empty() ? "{}" : block.text});
      } else if (block.kind == Kind::thinking) {
        reply.message.reasoning += block.text;
      } else {
        reply.message.content += block.text;
      }
    }
    reply.end = stop_reason_ == "max_tokens" ? ReplyEnd::length : ReplyEnd::end;
    if (stop_reason_ == "refusal" && blocks_.empty()) {
      fail(Code::io, "the model refused to answer");
    }
    reply.tokens = counts_;
    return reply;
  }

 private:
  enum class Kind { text, thinking, call };
  struct Block {
    Kind kind = Kind::text;
    std::string name;
    std::string text;  // or the call's arguments
  };

  void take_usage(const Json& usage) {
    if (usage.contains("input_tokens")) {
      counts_.reused = count_at(usage, "cache_read_input_tokens");
      counts_.prefilled =
          count_at(usage, "input_tokens") + count_at(usage, "cache_creation_input_tokens");
    }
    if (usage.contains("output_tokens")) counts_.generated = count_at(usage, "output_tokens");
  }

  void start_block(const Json& json) {
    const Json& block = object_at(json, "content_block");
    const std::string type = text_at(block, "type");
    if (type != "text" && type != "thinking" && type != "tool_use") return;
    if (blocks_.size() >= kBlocksMax) fail(Code::invalid, "the server's answer has too many parts");
    Block& made = blocks_[count_at(json, "index")];
    made.name = text_at(block, "name");
    made.text = text_at(block, "text");
    if (type == "thinking") {
      made.kind = Kind::thinking;
      made.text = text_at(block, "thinking");
    } else if (type == "tool_use") {
      made.kind = Kind::call;
      const Json& input = object_at(block, "input");
      if (!input.empty()) made.text = dump_json(input);
    }
    if (made.kind == Kind::text && !made.text.empty() && on_text_) on_text_(made.text);
  }

  void take_delta(const Json& json) {
    const auto block = blocks_.find(count_at(json, "index"));
    if (block == blocks_.end()) return;
    const Json& delta = object_at(json, "delta");
    const Kind kind = block->second.kind;
    const char* const key = kind == Kind::call       ? "partial_json"
                            : kind == Kind::thinking ? "thinking"
                                                     : "text";
    const std::string text = text_at(delta, key);
    if (kind == Kind::text && !text.empty() && on_text_) on_text_(text);
    block->second.text += text;
  }

  const std::function<void(std::string_view)>& on_text_;
  std::map<int64_t, Block> blocks_;
  std::string stop_reason_;
  bool is_complete_ = false;
  TokenCounts counts_;
};

class Anthropic final : public Provider {
 public:
  Anthropic(std::string_view model, int64_t window)
      : model_(model), meter_(window > 0 ? window : kWindowUsual) {
    if (model_.empty()) fail(Code::invalid, "anthropic: no model named; write anthropic:NAME");
    std::string url = base_url("ANTHROPIC_BASE_URL", "https://api.anthropic.com");
    endpoint_.name = host_of(url);
    endpoint_.client->prepare();
    endpoint_.url = url + (url.ends_with("/v1") ? "/messages" : "/v1/messages");
    endpoint_.key = api_key("ANTHROPIC_API_KEY", "anthropic");
    endpoint_.headers = {"anthropic-version: 2023-06-01"};
    if (!endpoint_.key.empty()) {
      endpoint_.headers.push_back("x-api-key: " + endpoint_.key);
    } else if (endpoint_.name == "api.anthropic.com") {
      fail(Code::not_found,
           "no key for api.anthropic.com: set ANTHROPIC_API_KEY, or write it to keys/anthropic "
           "(mode 600) in Corvid's configuration folder; ANTHROPIC_BASE_URL names another server");
    }
  }

  bool is_repeatable() const override { return false; }
  std::string describe() const override { return model_ + " at " + endpoint_.name; }

  void start(const std::string& system, std::span<const ToolDeclaration> tools) override {
    system_ = system;
    Json list = Json::array();
    for (const ToolDeclaration& tool : tools) {
      list.push_back({{"name", tool.name},
                      {"description", tool.description},
                      {"input_schema", parse_json(tool.schema, "schema of " + tool.name)}});
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
    messages_.clear();
    meter_.forget_report();
    take_in(messages_, messages);
    return {};
  }

  Reply complete(const Request& request, std::stop_token stop) override {
    Completion completion(request.on_text);
    AnswerReader reader;
    reader.begin = [&] { completion.begin(); };
    reader.take_event = [&](std::string_view data) { completion.take_event(data); };
    reader.take_whole = [&](std::string_view body) { completion.take_whole(body); };
    reader.is_complete = [&] { return completion.is_complete(); };
    const auto mend = [](std::string_view error, std::string& body) {
      if (error.find("temperature") == error.npos) return false;
      Json json = parse_json(body, "request");
      if (json.erase("temperature") == 0) return false;
      body = dump_json(json);
      return true;
    };
    if (const auto refusal = ask(endpoint_, body_of(request), reader, mend, stop)) {
      meter_.learn(*refusal, messages_, fixed_bytes());
      return too_long_reply(*refusal);
    }
    Reply reply = completion.reply();
    if (!request.schema.empty() && !reply.message.calls.empty()) {
      reply.message.content = reply.message.calls.front().arguments;
      reply.message.calls.clear();
    }
    messages_.push_back(reply.message);
    meter_.report(reply.tokens, messages_.size());
    return reply;
  }

  std::unique_ptr<Provider> fork(const std::string& lineage) const override {
    auto copy = std::make_unique<Anthropic>(*this);
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
  size_t fixed_bytes() const { return tools_.size() + system_.size(); }

  // Turns alternate: what user and tools say in a row is one message.
  Json wire_messages() const {
    Json list = Json::array();
    for (const Message& message : messages_) {
      const char* role = message.role == Role::assistant ? "assistant" : "user";
      Json blocks = to_wire(message);
      if (blocks.empty()) continue;
      if (list.empty() || list.back().at("role") != role) {
        list.push_back({{"role", role}, {"content", Json::array()}});
      }
      for (Json& block : blocks) list.back()["content"].push_back(std::move(block));
    }
    if (!list.empty()) list.back()["content"].back()["cache_control"] = {{"type", "ephemeral"}};
    return list;
  }

  static Json to_wire(const Message& message) {
    Json blocks = Json::array();
    const std::string text = to_utf8(message.content);
    if (message.role == Role::tool) {
      blocks.push_back(
          {{"type", "tool_result"}, {"tool_use_id", message.call_id}, {"content", text}});
      return blocks;
    }
    if (!trim(text).empty()) blocks.push_back({{"type", "text"}, {"text", text}});
    for (const ToolCall& call : message.calls) {
      blocks.push_back({{"type", "tool_use"},
                        {"id", call.id},
                        {"name", call.name},
                        {"input", parse_json(object_text(call.arguments), "arguments")}});
    }
    return blocks;
  }

  std::string body_of(const Request& request) const {
    const int tokens_max = meter_.reply_tokens(request.tokens_max, messages_, fixed_bytes());
    Json json = {{"model", model_}, {"stream", true}, {"max_tokens", tokens_max}};
    if (!system_.empty()) {
      json["system"] = Json::array(
          {{{"type", "text"}, {"text", system_}, {"cache_control", {{"type", "ephemeral"}}}}});
    }
    json["messages"] = wire_messages();
    if (!request.schema.empty()) {
      json["tools"] = Json::array({{{"name", kAnswerTool},
                                    {"description", "Takes the answer."},
                                    {"input_schema", parse_json(request.schema, "schema")}}});
      json["tool_choice"] = {{"type", "tool"}, {"name", kAnswerTool}};
    } else if (tools_ != "[]") {
      json["tools"] = parse_json(tools_, "tools");
      if (request.no_calls) json["tool_choice"] = {{"type", "none"}};
    }
    if (request.temperature >= 0) json["temperature"] = std::min(request.temperature, 1.0f);
    return dump_json(json);
  }

  std::string model_;
  Endpoint endpoint_;
  std::string system_;
  std::string tools_;  // JSON array
  std::vector<Message> messages_;
  WindowMeter meter_;
  std::string lineage_ = "main";
};

}  // namespace

std::unique_ptr<Provider> make_anthropic(std::string_view model, const ProviderOptions& options) {
  return std::make_unique<Anthropic>(model, options.context_tokens);
}

}  // namespace corvid::runtime
