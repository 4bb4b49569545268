#include "runtime/state_cache.h"

#include <catch2/catch.hpp>

#include "runtime/base/files.h"

using namespace corvid;
using namespace corvid::runtime;
namespace fs = std::filesystem;

TEST_CASE("states over the budget go, least recently used first, and never the newest") {
  const TempDir dir;
  write_file_atomic(dir.path() / "script", "");
  const auto provider = make_provider("scripted:" + (dir.path() / "script").string(), {});
  const fs::path folder = dir.path() / "state";
  const auto has = [&](const char* name) { return fs::exists(state_path(folder, name)); };
  for (const char* name : {"a", "b", "c"}) keep_state(*provider, folder, name);
  CHECK((has("a") && has("b") && has("c")));
  touch_state(folder, "a");
  const auto bytes = int64_t(fs::file_size(state_path(folder, "a")));
  keep_state(*provider, folder, "d", 2 * bytes);
  CHECK((has("a") && !has("b") && !has("c") && has("d")));
  write_file_atomic(dir.path() / "file", "");
  keep_state(*provider, dir.path() / "file", "e");  // cannot be kept: no failure
}
