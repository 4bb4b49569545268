#include "runtime/base/json.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

class Finish final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json&, const Workspace&, const ToolState&) const override {
    return action_of("finish");
  }

  ToolResult run(const Json& args, const ToolContext&) const override {
    return {.text = json_string(args, "summary"), .finished = true};
  }

 private:
  const ToolSpec spec_ = {
      "finish", "Say that the task is done. The harness then runs the check.",
      R"({"type":"object","properties":{"summary":{"type":"string"}},)"
      R"("required":["summary"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_finish() { return std::make_unique<Finish>(); }

}  // namespace corvid::tools
