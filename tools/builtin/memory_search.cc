#include "memory/memory.h"
#include "runtime/base/json.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

constexpr int64_t kBudgetTokens = 1500;

class MemorySearch final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json&, const Workspace&, const ToolState&) const override {
    return action_of("memory_search");
  }

  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (!context.memory) return error_result("this session has no memory");
    if (context.memory().is_paused()) {
      return error_result("not searched: the person has paused this memory");
    }
    memory::RecallOptions options;
    options.budget_tokens = kBudgetTokens;
    const memory::Recall recall = context.memory().recall(json_string(args, "question"), options);
    if (recall.context.empty()) return {.text = "nothing found"};
    return {.text = recall.context, .is_untrusted = memory::holds_web_text(recall)};
  }

 private:
  const ToolSpec spec_ = {
      "memory_search", "Search what earlier sessions said and did.",
      R"({"type":"object","properties":{"question":{"type":"string","minLength":1}},)"
      R"("required":["question"],"additionalProperties":false})",
      true};
};

}  // namespace

std::unique_ptr<Tool> make_memory_search() { return std::make_unique<MemorySearch>(); }

}  // namespace corvid::tools
