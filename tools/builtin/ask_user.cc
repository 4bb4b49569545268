#include "runtime/base/json.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

class AskUser final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json&, const Workspace&, const ToolState&) const override {
    return action_of("ask_user");
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (!context.ask) return error_result("nobody is there to answer: decide yourself");
    std::vector<std::string> choices;
    if (args.contains("choices")) choices = args.at("choices").get<std::vector<std::string>>();
    const auto answer = context.ask(json_string(args, "question"), choices);
    if (!answer) return error_result("the person gave no answer: decide yourself");
    return {.text = *answer};
  }

 private:
  const ToolSpec spec_ = {
      "ask_user", "Ask the person what only they can decide. Their answer is the result.",
      R"({"type":"object","properties":{"question":{"type":"string"},)"
      R"("choices":{"type":"array","items":{"type":"string"},"maxItems":9}},)"
      R"("required":["question"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_ask_user() { return std::make_unique<AskUser>(); }

}  // namespace corvid::tools
