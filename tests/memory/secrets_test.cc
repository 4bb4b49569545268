#include <catch2/catch.hpp>

#include <cstdio>
#include <map>

#include "memory/ingest/redact.h"
#include "tests/memory/secret_corpus.h"

using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

struct Count {
  int all = 0;
  int hit = 0;
  std::map<std::string, int> wrong{};  // by kind
  std::string example{};
  double share() const { return 100.0 * hit / std::max(all, 1); }
  std::string list() const {
    std::string out;
    for (const auto& [kind, count] : wrong) out += " " + kind + ":" + std::to_string(count);
    return out + (example.empty() ? "" : "; such as " + example);
  }
};

Count found_of(const std::vector<Sample>& secrets, bool is_reserved) {
  Count count;
  for (const Sample& sample : secrets) {
    if (sample.is_reserved != is_reserved) continue;
    ++count.all;
    if (redact(sample.text).text.find(sample.secret) == std::string::npos) {
      ++count.hit;
    } else {
      ++count.wrong[sample.kind];
      if (!is_reserved && count.example.empty()) count.example = sample.text;
    }
  }
  return count;
}

Count changed_of(const std::vector<Sample>& harmless, bool is_reserved) {
  Count count;
  for (const Sample& sample : harmless) {
    if (sample.is_reserved != is_reserved) continue;
    ++count.all;
    const std::string text = redact(sample.text).text;
    if (text == sample.text) continue;
    ++count.hit;
    ++count.wrong[sample.kind];
    if (!is_reserved && count.example.empty()) count.example = sample.text + " -> " + text;
  }
  return count;
}

}  // namespace

TEST_CASE("Of generated secrets 99 % are masked, of look-alikes 0.5 % at most") {
  const std::vector<Sample> secrets = generated_secrets();
  const std::vector<Sample> harmless = generated_look_alikes();
  CHECK(secrets.size() >= 500);
  CHECK(harmless.size() >= 5000);
  for (const bool is_reserved : {false, true}) {
    const Count found = found_of(secrets, is_reserved);
    const Count changed = changed_of(harmless, is_reserved);
    const char* half = is_reserved ? "reserved half" : "half for fitting";
    std::printf("%s: %d secrets, %.2f %% masked; %d look-alikes, %.2f %% changed\n", half,
                found.all, found.share(), changed.all, changed.share());
    INFO(half << ", missed:" << found.list());
    INFO(half << ", changed:" << changed.list());
    CHECK(found.share() >= 99.0);
    CHECK(changed.share() <= 0.5);
  }
}
