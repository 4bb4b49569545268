#include "memory/memory.h"
#include "runtime/base/json.h"
#include "tools/support/file_tool.h"

namespace corvid::tools {
namespace {

class MemoryNote final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }

  policies::Action plan(const Json&, const Workspace&, const ToolState&) const override {
    return action_of("memory_note");
  }

  // The agent's own word: it never stands above what a person said.
  ToolResult run(const Json& args, const ToolContext& context) const override {
    if (!context.memory) return error_result("this session has no memory");
    memory::NewTurn turn;
    turn.session = context.session;
    if (!context.call_id.empty()) turn.external_id = context.session + "/note/" + context.call_id;
    turn.speaker = "corvid";
    turn.role = "assistant";
    turn.channel = "note";
    turn.tier = memory::Tier::assistant;
    turn.said_at = system_now();
    turn.text = json_string(args, "text");
    turn.kind = memory::SessionKind::agent;
    const memory::WriteResult written = context.memory().remember(turn);
    if (written.outcome == memory::Written::forgotten) {
      return error_result("not noted: the person has had this forgotten");
    }
    if (written.outcome == memory::Written::paused) {
      return error_result("not noted: the person has paused this memory");
    }
    if (written.outcome == memory::Written::empty) return error_result("nothing to note");
    return {.text = "noted as " + memory::turn_name(written.id)};
  }

 private:
  const ToolSpec spec_ = {
      "memory_note", "Note a fact for later sessions. The person can erase it.",
      R"({"type":"object","properties":{"text":{"type":"string","minLength":1,"maxLength":2000}},)"
      R"("required":["text"],"additionalProperties":false})"};
};

}  // namespace

std::unique_ptr<Tool> make_memory_note() { return std::make_unique<MemoryNote>(); }

}  // namespace corvid::tools
