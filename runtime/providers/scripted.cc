// A test double: replies from a file instead of a model. Each line of FILE is one reply:
//   {"text": "...", "calls": [{"name": "shell", "arguments": {...}}], "tokens": N}
// or {"profile": {...}} as the first line; {"window": N} is the model's window. A call's argument
// "$choice" stands for the first value that the request offers for it. Forks go on at the same
// line. When the file ends it replies with the text "done" and no call.
//   {"fail": "TEXT"} makes the model fail. A line with "lineage": NAME is for that conversation
//   alone ("main.a2" is attempt 2); the others go past it.

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/provider.h"

namespace corvid::runtime {
namespace {

class Scripted final : public Provider {
 public:
  explicit Scripted(const std::filesystem::path& file) : file_(file.string()) {
    int number = 0;
    const std::string content = read_file(file);
    for (const std::string_view line : split_lines(content)) {
      ++number;
      if (trim(line).empty()) continue;
      Json json = parse_json(line, file_ + " line " + std::to_string(number));
      if (json.contains("profile")) {
        profile_ = parse_profile(dump_json(json.at("profile")));
      } else if (json.contains("window")) {
        window_ = json_int_or(json, "window", 0);
      } else {
        replies_.push_back(dump_json(json));
      }
    }
  }

  ModelProfile profile() const override { return profile_; }
  std::string describe() const override { return "scripted:" + file_ + " (a test double)"; }
  void start(const std::string&, std::span<const ToolDeclaration>) override {}

  TokenCounts read(std::span<const Message> added, std::stop_token) override {
    TokenCounts counts;
    counts.reused = tokens_;
    counts.prefilled = tokens_of(added);
    tokens_ += counts.prefilled;
    return counts;
  }

  ContextUse context(std::span<const Message> added) const override {
    return {tokens_ + tokens_of(added), window_};
  }

  TokenCounts restart(std::span<const Message> messages, std::stop_token) override {
    tokens_ = tokens_of(messages);
    return {.rebuilt = tokens_};
  }

  Reply complete(const Request& request, std::stop_token stop) override {
    if (stop.stop_requested()) fail(Code::cancelled, "cancelled");
    Reply reply;
    reply.message.role = Role::assistant;
    skip_foreign();
    if (next_ >= replies_.size()) {
      reply.message.content = "done";
    } else {
      const Json json = parse_json(replies_[next_++], "scripted reply");
      if (json.contains("fail")) fail(Code::device, json_string(json, "fail"));
      reply.message.content = json_string_or(json, "text", "");
      if (json.contains("calls")) {
        for (const Json& call : json.at("calls"))
          reply.message.calls.push_back(read_call(call, request));
      }
    }
    if (request.on_text && !reply.message.content.empty()) request.on_text(reply.message.content);
    reply.tokens.generated = int64_t(reply.message.content.size()) / 4 + 1;
    tokens_ += reply.tokens.generated;
    return reply;
  }

  std::unique_ptr<Provider> fork(const std::string& lineage) const override {
    auto copy = std::make_unique<Scripted>(*this);
    copy->lineage_ = lineage;
    return copy;
  }
  std::string lineage() const override { return lineage_; }

  void save(const std::filesystem::path& path) const override {
    write_file_atomic(path, dump_json({{"next", next_}, {"tokens", tokens_}}));
  }
  TokenCounts restore(const std::filesystem::path&, std::span<const Message> messages,
                      std::span<const EvaluatedTokens>) override {
    next_ = 0;
    for (const Message& message : messages) {
      if (message.role != Role::assistant) continue;
      skip_foreign();
      ++next_;
    }
    return {};
  }

 private:
  static int64_t tokens_of(std::span<const Message> messages) {
    int64_t tokens = 0;
    for (const Message& message : messages) tokens += int64_t(message.content.size()) / 4 + 4;
    return tokens;
  }

  void skip_foreign() {
    for (; next_ < replies_.size(); ++next_) {
      const Json json = parse_json(replies_[next_], "scripted reply");
      if (json_string_or(json, "lineage", lineage_) == lineage_) return;
    }
  }

  static ToolCall read_call(const Json& call, const Request& request) {
    ToolCall made;
    made.name = json_string(call, "name");
    Json arguments = call.value("arguments", Json::object());
    for (auto& [key, value] : arguments.items()) {
      if (value != "$choice") continue;
      const auto offered = request.offered.find(made.name + "." + key);
      if (offered != request.offered.end() && !offered->second.empty()) {
        value = offered->second.front();
      }
    }
    made.arguments = dump_json(arguments);
    return made;
  }

  std::string file_;
  ModelProfile profile_;
  std::vector<std::string> replies_;
  size_t next_ = 0;
  std::string lineage_ = "main";
  int64_t tokens_ = 0;
  int64_t window_ = 0;
};

}  // namespace

std::unique_ptr<Provider> make_scripted(std::string_view model, const ProviderOptions&) {
  return std::make_unique<Scripted>(std::filesystem::path(model));
}

}  // namespace corvid::runtime
