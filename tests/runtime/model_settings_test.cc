#include "runtime/model_settings.h"

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

int64_t budget_with(const std::string& config, int64_t given) {
  const TempDir folder;
  write_file_atomic(folder.path() / "config.toml", config);
  Paths paths;
  paths.config = folder.path();
  RunOptions options;
  options.reasoning_tokens_max = given;
  return with_model_settings(options, paths).reasoning_tokens_max;
}

}  // namespace

TEST_CASE("[model] of config.toml says how long a model thinks where the command does not") {
  CHECK(budget_with("[model]\nreasoning_budget = 100\n", -1) == 100);
  CHECK(budget_with("[model]\nreasoning_budget = 100\n", 7) == 7);
  CHECK(budget_with("[model]\nreasoning_budget = 0\n", -1) == 0);
  CHECK(budget_with("[memory]\nembedder = \"none\"\n", -1) == -1);
  Paths nowhere;
  nowhere.config = "/nonexistent";
  CHECK(with_model_settings({}, nowhere).reasoning_tokens_max == -1);
}

TEST_CASE("what [model] cannot say is refused with its line") {
  for (const char* wrong : {"reasoning_budget = -1", "reasoning_budget = \"none\"",
                            "reasoning_budget = 99999999", "budget = 3", "= 3"}) {
    INFO(wrong);
    CHECK_THROWS_WITH(budget_with("[model]\n" + std::string(wrong) + "\n", -1),
                      Catch::Contains("config.toml line 2"));
  }
  CHECK_THROWS_WITH(budget_with("model = 3\n", -1), Catch::Contains("line 1"));
}
