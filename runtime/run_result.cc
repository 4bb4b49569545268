#include "runtime/run_result.h"

#include <algorithm>

#include <fmt/format.h>

#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::runtime {

void set_paths(Json& json, const std::string& key, const std::vector<std::string>& paths) {
  json[key] = paths;
  if (std::all_of(paths.begin(), paths.end(), [](const auto& path) { return is_utf8(path); })) {
    return;
  }
  Json encoded = Json::array();
  for (const std::string& path : paths) {
    std::string text;
    for (const char c : path) {
      const auto byte = static_cast<unsigned char>(c);
      const bool is_plain = byte > 0x20 && byte < 0x7f && c != '%';
      text += is_plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
    }
    encoded.push_back(std::move(text));
  }
  json[key + "_encoded"] = std::move(encoded);
}

Json result_to_json(const RunResult& result) {
  Json json = {{"type", "result"},
               {"status", result.status},
               {"exit_code", result.exit_code},
               {"session", result.session},
               {"log", result.session_log},
               {"turns", result.turns},
               {"tokens", counts_to_json(result.tokens)},
               {"context", {{"used", result.context.used}, {"window", result.context.window}}},
               {"ranking_tokens", counts_to_json(result.ranking_tokens)},
               {"verify", nullptr},
               {"diff", result.diff},
               {"checks_run", result.checks_run},
               {"attempts", {{"tried", result.attempts_tried}, {"winner", nullptr}}},
               {"message", result.message}};
  set_paths(json, "changed_files", result.changed_files);
  if (result.check.has_value()) {
    json["verify"] = {{"command", result.check->command},
                      {"exit_code", result.check->exit_code},
                      {"output", result.check->output}};
    if (!result.check->left_out.empty()) json["verify"]["left_out"] = result.check->left_out;
  }
  if (result.decode.steps > 0) {
    json["decode"] = {{"steps", result.decode.steps}, {"passes", result.decode.passes}};
  }
  if (!result.changed_tests.empty()) json["changed_tests"] = result.changed_tests;
  if (!result.cleared.empty()) json["cleared"] = result.cleared;
  if (result.attempts_winner.has_value()) json["attempts"]["winner"] = *result.attempts_winner;
  return json;
}

int exit_code_of(const std::string& status, bool check_ran) {
  if (status == "verified") return 0;
  if (status == "unverified") return check_ran ? 2 : 0;
  if (status == "failed") return 2;
  if (status == "denied") return 3;
  if (status == "limit") return 4;
  if (status == "interrupted") return 130;
  return 6;
}

}  // namespace corvid::runtime
