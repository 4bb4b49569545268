#include "sandbox/launch/encode.h"

#include "runtime/base/error.h"

namespace corvid::sandbox {
namespace {

void put(std::string& text, std::string_view field) {
  if (field.find('\0') != std::string_view::npos) {
    fail(Code::invalid, "a command, path or variable holds a zero byte");
  }
  text.append(std::to_string(field.size())).append(":").append(field).append(",");
}

void put(std::string& text, std::string_view key, std::string_view value) {
  put(text, key);
  put(text, value);
}

}  // namespace

std::string encode(const jail::Plan& plan) {
  std::string text;
  for (const std::string& argument : plan.argv) put(text, "arg", argument);
  for (const std::string& variable : plan.environment) put(text, "env", variable);
  put(text, "cwd", plan.cwd);
  for (const jail::MountOp& op : plan.mounts) {
    put(text, "mount", std::string(1, static_cast<char>(op.kind)));
    put(text, op.source);
    put(text, op.target);
    put(text, std::to_string(op.bytes));
    put(text, op.below);
    put(text, op.below_work);
  }
  for (const std::string& path : plan.placeholders) put(text, "placeholder", path);
  put(text, "network", plan.allow_network ? "1" : "0");
  put(text, "proxy", std::to_string(plan.proxy_port));
  put(text, "staged", plan.is_staged ? "1" : "0");
  put(text, "unruled", plan.unruled);
  put(text, "landlock", std::to_string(plan.landlock_abi_max));
  put(text, "memory", std::to_string(plan.memory_bytes_max));
  put(text, "processes", std::to_string(plan.processes_max));
  put(text, "file", std::to_string(plan.file_bytes_max));
  put(text, "end");
  if (static_cast<int64_t>(text.size()) > jail::kPlanBytesMax) {
    fail(Code::invalid, "a command with its environment is too long for the sandbox");
  }
  return text;
}

}  // namespace corvid::sandbox
