#include "runtime/base/json.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

const char* mark_of(const std::string& status) {
  if (status == "done") return "[x] ";
  return status == "doing" ? "[>] " : "[ ] ";
}

class Plan final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json&, const Workspace&, const ToolState&) const override {
    return action_of("plan");
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    context.state.plan.clear();
    for (const Json& item : args.at("steps")) {
      context.state.plan.push_back(
          {json_string(item, "step"), json_string_or(item, "status", "todo")});
    }
    return {.text = plan_text(context.state)};
  }

 private:
  const ToolSpec spec_ = {
      "plan", "Write down all steps of a longer task. The person sees them.",
      R"({"type":"object","properties":{"steps":{"type":"array","maxItems":30,"items":)"
      R"({"type":"object","properties":{"step":{"type":"string","maxLength":300},)"
      R"("status":{"enum":["todo","doing","done"]}},"required":["step"],)"
      R"("additionalProperties":false}}},"required":["steps"],"additionalProperties":false})"};
};

}  // namespace

std::string plan_text(const ToolState& state) {
  std::string text;
  for (const PlanStep& step : state.plan) text += mark_of(step.status) + step.text + "\n";
  return text.empty() ? "no steps\n" : text;
}

std::unique_ptr<Tool> make_plan() { return std::make_unique<Plan>(); }

}  // namespace corvid::tools
