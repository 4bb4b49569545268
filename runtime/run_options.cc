#include "runtime/run_options.h"

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::runtime {

using tools::EditRanking;

EditRanking parse_ranking(const std::string& name) {
  if (name == "random") return EditRanking::random;
  if (name == "tables") return EditRanking::tables;
  if (name == "model") return EditRanking::model;
  fail(Code::invalid, "unknown ranking '" + name + "'; known: random tables model");
}

std::string ranking_name(EditRanking ranking) {
  switch (ranking) {
    case EditRanking::random:
      return "random";
    case EditRanking::tables:
      return "tables";
    case EditRanking::model:
      return "model";
  }
  return "model";
}

Json options_to_json(const RunOptions& options) {
  return {{"task", options.task},
          {"workspace", options.workspace.string()},
          {"model", options.model},
          {"verify", options.verify},
          {"attempts", options.attempts},
          {"turns_max", options.turns_max},
          {"checks_max", options.checks_max},
          {"time_max_s", options.time_max_s},
          {"check_time_max_s", options.check_time_max_s},
          {"command_time_max_s", options.command_time_max_s},
          {"tokens_max", options.tokens_max},
          {"context_tokens", options.context_tokens},
          {"reasoning_tokens_max", options.reasoning_tokens_max},
          {"tokens_total_max", options.tokens_total_max},
          {"mode", options.mode},
          {"allow_read", options.allow_read},
          {"allow_host", options.allow_host},
          {"seed", options.seed},
          {"edit_ranking", ranking_name(options.edit_ranking)},
          {"use_memory", options.use_memory},
          {"memory_budget_tokens", options.memory_budget_tokens},
          {"instructions", options.instructions}};
}

RunOptions options_from_json(const Json& json) {
  RunOptions options;
  options.task = json_string(json, "task");
  options.workspace = json_string(json, "workspace");
  options.model = json_string_or(json, "model", "");
  options.verify = json_string_or(json, "verify", "");
  options.attempts = int(json_int_or(json, "attempts", 0));
  options.turns_max = int(json_int_or(json, "turns_max", options.turns_max));
  options.checks_max = int(json_int_or(json, "checks_max", 0));
  options.time_max_s = json_int_or(json, "time_max_s", options.time_max_s);
  options.check_time_max_s = json_int_or(json, "check_time_max_s", options.check_time_max_s);
  options.tokens_max = int(json_int_or(json, "tokens_max", options.tokens_max));
  options.command_time_max_s = json_int_or(json, "command_time_max_s", 120);
  options.context_tokens = json_int_or(json, "context_tokens", 0);
  options.reasoning_tokens_max = json_int_or(json, "reasoning_tokens_max", -1);
  options.tokens_total_max = json_int_or(json, "tokens_total_max", 0);
  options.mode = json_string_or(json, "mode", options.mode);
  options.allow_read = json.value("allow_read", std::vector<std::string>{});
  options.allow_host = json.value("allow_host", std::vector<std::string>{});
  options.seed = uint64_t(json_int_or(json, "seed", 0));
  options.edit_ranking = parse_ranking(json_string_or(json, "edit_ranking", "model"));
  options.use_memory = json_bool_or(json, "use_memory", true);
  options.memory_budget_tokens = json_int_or(json, "memory_budget_tokens", 800);
  options.instructions = json_string_or(json, "instructions", "");
  return options;
}

}  // namespace corvid::runtime
