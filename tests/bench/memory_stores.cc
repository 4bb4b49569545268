// What one write and one search cost over each kind of store, in one process, in the same minute:
//   build/release/tests/memory_stores [TURNS]
// The server is a private one of this machine, without fsync; SQLite does not wait for it either.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "memory/memory.h"
#include "tests/support/postgres_server.h"

using namespace corvid;

namespace {

constexpr int kSearches = 200;

double percentile(std::vector<double> values, double part) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1))];
}

struct Times {
  std::vector<double> write_ms, search_ms;
};

template <typename Body>
double ms_of(Body body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

// Words as frequent as in talk: the n-th with a chance of 1 / n.
std::string sentence(std::mt19937& random) {
  std::uniform_real_distribution<double> even(0, std::log(5000.0));
  std::string text;
  for (int i = 0; i < 12; ++i) text += "word" + std::to_string(int(std::exp(even(random)))) + " ";
  return text;
}

Times measure(const std::string& location, int turns) {
  Times times;
  memory::MemoryConfig config;
  config.location = location;
  config.durability = memory::Durability::normal;
  memory::Memory memory(config);
  std::mt19937 random(7);
  Time at(std::chrono::hours(24 * 365 * 50));
  for (int i = 0; i < turns; ++i) {
    memory::NewTurn turn;
    turn.session = "s" + std::to_string(i / 200);
    turn.speaker = i % 2 == 0 ? "Ann" : "Bo";
    turn.said_at = at += std::chrono::minutes(3);
    turn.text = sentence(random);
    times.write_ms.push_back(ms_of([&] { memory.remember(turn); }));
  }
  for (int i = 0; i < kSearches; ++i) {
    const std::string question = sentence(random);
    times.search_ms.push_back(ms_of([&] { memory.recall(question, {.limit = 10}); }));
  }
  return times;
}

}  // namespace

int main(int count, char** arguments) {
  const int turns = count > 1 ? std::stoi(arguments[1]) : 2000;
  const TempDir folder;
  test::PostgresServer* server = test::PostgresServer::get();
  if (server == nullptr) {
    std::fprintf(stderr, "SKIP: %s\n", test::PostgresServer::missing().c_str());
    return 1;
  }
  server->make_database("bench");
  const Times lite = measure((folder.path() / "store").string(), turns);
  const Times big = measure(server->url("bench"), turns);
  std::printf("%d turns, ms                 p50      p95\n", turns);
  const auto row = [](const char* name, const std::vector<double>& values) {
    std::printf("%-24s %8.3f %8.3f\n", name, percentile(values, 0.5), percentile(values, 0.95));
  };
  row("write, SQLite", lite.write_ms);
  row("write, PostgreSQL", big.write_ms);
  row("search, SQLite", lite.search_ms);
  row("search, PostgreSQL", big.search_ms);
  std::printf("ratio of medians: write %.1f, search %.1f\n",
              percentile(big.write_ms, 0.5) / percentile(lite.write_ms, 0.5),
              percentile(big.search_ms, 0.5) / percentile(lite.search_ms, 0.5));
}
