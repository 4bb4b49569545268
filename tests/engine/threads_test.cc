#include "engine/threads.h"

#include <algorithm>
#include <thread>

#include "tests/engine/support.h"
#include "tests/support/files.h"

namespace corvid::test {

TEST_CASE("threads of one core count as one, and what is not described counts") {
  const TempDir folder;
  for (int cpu = 0; cpu < 8; ++cpu) {  // two threads each: 0 and 4, 1 and 5, ...
    put(folder.path() / ("cpu" + std::to_string(cpu)) / "topology" / "thread_siblings_list",
        std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4) + "\n");
  }
  const std::vector<int> all{0, 1, 2, 3, 4, 5, 6, 7}, some{0, 4, 5}, unknown{1, 5, 20, 21};
  CHECK(engine::core_count(all, folder.path()) == 4);
  CHECK(engine::core_count(some, folder.path()) == 2);
  CHECK(engine::core_count(unknown, folder.path()) == 3);
  CHECK(engine::core_count({}, folder.path()) == 0);
}

TEST_CASE("as many threads as are asked for, within limits, else one for each core") {
  CHECK(engine::thread_count(3) == 3);
  CHECK(engine::thread_count(100000) == engine::kThreadsMax);
  CHECK(engine::thread_count(0) >= 1);
  CHECK(engine::thread_count(0) <=
        std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
}

}  // namespace corvid::test
