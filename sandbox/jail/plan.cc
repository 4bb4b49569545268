#include "sandbox/jail/plan.h"

namespace corvid::jail {
namespace {

// Takes one netstring off the front of `text`.
bool take(std::string_view& text, std::string_view& field) {
  size_t digits = 0;
  size_t length = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9' && digits < 9) {
    length = length * 10 + static_cast<size_t>(text[digits++] - '0');
  }
  if (digits == 0 || digits >= text.size() || text[digits] != ':') return false;
  text.remove_prefix(digits + 1);
  if (length >= text.size() || text[length] != ',') return false;
  field = text.substr(0, length);
  if (field.find('\0') != std::string_view::npos) return false;
  text.remove_prefix(length + 1);
  return true;
}

bool take(std::string_view& text, std::string& field) {
  std::string_view view;
  if (!take(text, view)) return false;
  field = view;
  return true;
}

bool take(std::string_view& text, int64_t& number) {
  std::string_view digits;
  if (!take(text, digits) || digits.empty() || digits.size() > 18) return false;
  number = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    number = number * 10 + (c - '0');
  }
  return true;
}

bool take_mount(std::string_view& text, MountOp& op) {
  std::string kind;
  if (!take(text, kind) || kind.size() != 1) return false;
  if (std::string_view("dflrwvtmepncs").find(kind[0]) == std::string_view::npos) return false;
  op.kind = static_cast<MountOp::Kind>(kind[0]);
  if (!take(text, op.source) || !take(text, op.target) || !take(text, op.bytes)) return false;
  if (!take(text, op.below) || !take(text, op.below_work)) return false;
  return op.target.starts_with('/') && op.target.find("/../") == std::string::npos;
}

bool take_record(std::string_view& text, std::string_view key, Plan& plan) {
  int64_t number = 0;
  if (key == "arg") return take(text, plan.argv.emplace_back());
  if (key == "env") return take(text, plan.environment.emplace_back());
  if (key == "cwd") return take(text, plan.cwd);
  if (key == "mount") return take_mount(text, plan.mounts.emplace_back());
  if (key == "placeholder") return take(text, plan.placeholders.emplace_back());
  if (key == "memory") return take(text, plan.memory_bytes_max);
  if (key == "processes") return take(text, plan.processes_max);
  if (key == "file") return take(text, plan.file_bytes_max);
  if (key == "proxy") return take(text, plan.proxy_port) && plan.proxy_port < 65536;
  if (key == "unruled") return take(text, plan.unruled);
  if (key == "landlock") return take(text, plan.landlock_abi_max);
  if (key == "network" || key == "staged") {
    if (!take(text, number) || number > 1) return false;
    (key == "network" ? plan.allow_network : plan.is_staged) = number == 1;
    return true;
  }
  return false;  // a plan for another version of this program
}

}  // namespace

bool decode(std::string_view text, Plan& plan) {
  std::string_view key;
  while (take(text, key)) {
    if (key == "end") {
      return text.empty() && !plan.argv.empty() && plan.cwd.starts_with('/') &&
             plan.memory_bytes_max > 0 && plan.processes_max > 0 && plan.file_bytes_max > 0;
    }
    if (!take_record(text, key, plan)) return false;
  }
  return false;
}

}  // namespace corvid::jail
