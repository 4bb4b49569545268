// How long writes, questions and openings take in a large store, what a turn costs on disk and in
// memory, and the same for a plain FTS5 table of the same turns in the same run. The turns are made
// up: sessions of a coding agent and its user, content words by Zipf's law, names, paths and code.
// A question holds four to six words of one turn. mem0_speed.py prints mem0's rows. TABLE is a
// table of token vectors; without it, words only. With --dump FILE the turns and questions are
// written there and nothing is measured. Build the target memory_speed by name.
//
//   build/release/tests/bench/memory_speed 100000 [TABLE] [--dump FILE]

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <random>
#include <sqlite3.h>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/embedder.h"

namespace {

using namespace corvid;
using SteadyClock = std::chrono::steady_clock;

constexpr int kBatch = 1'000;
constexpr int kSingleWrites = 500;
constexpr int kRepeats = 4'000;
constexpr int kQuestions = 200;
constexpr int kSessionTurns = 40;
constexpr size_t kWords = 50'000;
constexpr double kZipfOffset = 10;  // the commonest content word is in about one turn of eight

constexpr std::array<std::string_view, 24> kGlue = {
    "the", "a",    "to",   "of",  "and", "in",  "is",   "it",   "that", "we",   "for", "on",
    "I",   "with", "this", "was", "be",  "not", "have", "from", "you",  "they", "as",  "will"};
constexpr std::array<std::string_view, 12> kNames = {
    "Caroline", "Melanie", "Joanna", "Nathan", "Deborah", "Jolene",
    "Maria",    "Andrew",  "Audrey", "Calvin", "Evan",    "Gina"};

// What is said in a made-up store. The same numbers give the same turns everywhere.
class Talk {
 public:
  Talk() {
    double sum = 0;
    for (size_t i = 0; i < kWords; ++i) {
      std::string word;
      for (size_t left = i * 7 + 5; left > 0; left /= 100) {
        word += "bcdfghjklmnpqrstvwxz"[left % 20];
        word += "aeiou"[left / 20 % 5];
      }
      words_.push_back(word + "bdklmnprst"[i % 10]);
      cumulative_.push_back(sum += 1 / (static_cast<double>(i) + 1 + kZipfOffset));
    }
  }

  memory::NewTurn turn() {
    memory::NewTurn turn;
    const int place = static_cast<int>(number_ % kSessionTurns);
    turn.session = "s" + std::to_string(number_ / kSessionTurns);
    turn.role = place % 4 == 0 ? "user" : place % 4 == 2 ? "tool" : "assistant";
    turn.kind = memory::SessionKind::agent;
    turn.said_at = parse_time("2020-01-01T00:00:00Z") + std::chrono::minutes(3 * number_);
    turn.text = turn.role == "tool" ? code() : prose();
    ++number_;
    return turn;
  }

  void skip(int count) { number_ += count; }

  // Asks for what one turn said.
  std::string question(const memory::NewTurn& turn) {
    std::vector<std::string_view> content;
    for (const std::string_view word : split(turn.text)) {
      const bool is_glue = std::ranges::find(kGlue, word) != kGlue.end();
      if (!is_glue && std::ranges::find(content, word) == content.end()) content.push_back(word);
    }
    std::ranges::shuffle(content, random_);
    std::string out = "what did we say about";
    for (size_t i = 0; i < std::min(content.size(), 4 + random_() % 3); ++i) {
      out += " " + std::string(content[i]);
    }
    return out;
  }

 private:
  static std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> out;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find_first_of(" ,?./()_=\n", at), text.size());
      if (end > at) out.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }

  double share() { return static_cast<double>(random_()) / 4294967296.0; }

  const std::string& word() {
    const auto place = std::ranges::upper_bound(cumulative_, share() * cumulative_.back());
    return words_[std::min(static_cast<size_t>(place - cumulative_.begin()), kWords - 1)];
  }

  std::string prose() {
    std::string out;
    const auto count = static_cast<size_t>(8 * std::exp(1.2 * share() * 2));  // 8 to 88
    for (size_t i = 0; i < count; ++i) {
      const double kind = share();
      if (i > 0) out += i % 12 == 0 ? ". " : " ";
      if (kind < 0.5) out += kGlue[random_() % kGlue.size()];
      else if (kind < 0.52) out += kNames[random_() % kNames.size()];
      else if (kind < 0.54) out += "src/" + word() + "/" + word() + ".cc";
      else if (kind < 0.56) out += std::to_string(random_() % 5'000);
      else out += word();
    }
    return out + (share() < 0.2 ? "?" : ".");
  }

  std::string code() {
    std::string out;
    for (auto lines = 1 + random_() % 6; lines > 0; --lines) {
      out += fmt::format("{}_{} = {}({}, {})\n", word(), word(), word(), word(),
                         random_() % 1'000);
    }
    return out;
  }

  std::mt19937 random_{7};
  std::vector<std::string> words_;
  std::vector<double> cumulative_;
  int64_t number_ = 0;
};

// On a machine that others use, the processor's time is what a quiet one would take.
struct Took {
  double wall_ms = 0;
  double cpu_ms = 0;
};

double cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

Took time_of(const std::function<void()>& work) {
  const auto begin = SteadyClock::now();
  const double cpu_begin = cpu_ms();
  work();
  const double cpu = cpu_ms() - cpu_begin;
  return {std::chrono::duration<double, std::milli>(SteadyClock::now() - begin).count(), cpu};
}

std::string single(const Took& took) {
  return fmt::format("{:.1f} ms (processor {:.1f})", took.wall_ms, took.cpu_ms);
}

std::string percentiles(const std::vector<Took>& times) {
  const auto at = [&](double Took::*part, size_t percent) {
    std::vector<double> sorted;
    for (const Took& took : times) sorted.push_back(took.*part);
    std::ranges::sort(sorted);
    return sorted[sorted.size() * percent / 100];
  };
  return fmt::format("p50 {:.3f} ms, p95 {:.3f} ms (processor {:.3f}, {:.3f})",
                     at(&Took::wall_ms, 50), at(&Took::wall_ms, 95), at(&Took::cpu_ms, 50),
                     at(&Took::cpu_ms, 95));
}

void line(const std::string& what, const std::string& value) {
  std::cout << fmt::format("{:<38}{}", what, value) << std::endl;
}

int64_t bytes_below(const std::filesystem::path& folder) {
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<int64_t>(entry.file_size());
  }
  return bytes;
}

// Resident and private: mapped pages of files do not count.
int64_t memory_bytes() {
  const std::string status = read_file("/proc/self/status", 1 << 16);
  for (const std::string_view each : split_lines(status)) {
    if (!each.starts_with("RssAnon:")) continue;
    return std::stoll(std::string(trim(each.substr(8)))) * 1024;
  }
  return 0;
}

// A question for every n-th turn of a fresh store.
std::vector<std::string> questions_for(int count) {
  Talk talk;
  std::vector<std::string> out;
  for (int i = 0; i < count && std::ssize(out) < kQuestions; ++i) {
    const memory::NewTurn turn = talk.turn();
    if (i % (count / kQuestions) == 0) {
      Talk asker = talk;
      out.push_back(asker.question(turn));
    }
  }
  return out;
}

// Of one fact that was stated 4,000 times before.
std::string repeated_writes(memory::Memory& memory, bool is_same) {
  std::vector<memory::NewTurn> turns;
  for (int i = 0; i < kRepeats + kSingleWrites; ++i) {
    memory::NewTurn turn;
    turn.session = "repeats";
    turn.role = "user";
    turn.said_at = parse_time("2040-01-01T00:00:00Z") + std::chrono::minutes(i);
    turn.text = is_same ? "The exit code is 0." : "The listening port is " + std::to_string(i);
    turns.push_back(turn);
  }
  memory.remember(std::span(turns).first(kRepeats));
  std::vector<Took> times;
  for (int i = kRepeats; i < kRepeats + kSingleWrites; ++i) {
    times.push_back(time_of([&] { memory.remember(turns[static_cast<size_t>(i)]); }));
  }
  return percentiles(times);
}

void measure_memory(const std::filesystem::path& folder, int count, const memory::Ports& ports) {
  Talk talk;
  memory::MemoryConfig config;
  config.location = folder.string();
  config.durability = memory::Durability::normal;
  const auto single_writes = [&](memory::Memory& memory) {
    std::vector<Took> times;
    for (int i = 0; i < kSingleWrites; ++i) {
      const memory::NewTurn turn = talk.turn();
      times.push_back(time_of([&] { memory.remember(turn); }));
    }
    return percentiles(times);
  };
  const bool is_filled = std::filesystem::exists(folder);
  if (is_filled) talk.skip(count);
  if (!is_filled) {
    memory::Memory memory(config, ports);
    std::vector<Took> times;
    for (int done = 0; done < count; done += kBatch) {
      std::vector<memory::NewTurn> turns;
      for (int i = 0; i < kBatch; ++i) turns.push_back(talk.turn());
      const Took took = time_of([&] { memory.remember(turns); });
      times.push_back({took.wall_ms / kBatch, took.cpu_ms / kBatch});
    }
    line("write in batches of 1000, a turn", percentiles(times));
  }
  {
    memory::Memory memory(config, ports);
    line("save_snapshot", single(time_of([&] { memory.save_snapshot(); })));
  }
  config.durability = memory::Durability::full;
  const std::vector<std::string> questions = questions_for(count);
  std::unique_ptr<memory::Memory> memory;
  const auto open = [&] { memory = std::make_unique<memory::Memory>(config, ports); };
  line("open", single(time_of(open)));
  line("first question", single(time_of([&] { memory->recall(questions[0]); })));
  std::vector<Took> times;
  for (const std::string& question : questions) {
    times.push_back(time_of([&] { memory->recall(question); }));
  }
  line("question", percentiles(times));
  line("private memory, MB",
       fmt::format("{:.0f}", static_cast<double>(memory_bytes()) / 1e6));
  line("write with fsync", single_writes(*memory));
  memory.reset();
  config.durability = memory::Durability::normal;
  memory = std::make_unique<memory::Memory>(config, ports);
  line("write", single_writes(*memory));
  line("write of a fact said 4,000 times", repeated_writes(*memory, true));
  line("write of one that had 4,000 values", repeated_writes(*memory, false));
  const int64_t turn_count = memory->stats().turns;
  memory.reset();
  line("bytes of a turn", fmt::format("{}", bytes_below(folder) / turn_count));
}

void run_sql(sqlite3* db, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(Code::io, std::string("plain FTS5: ") + sqlite3_errmsg(db));
  }
}

void measure_plain(const std::filesystem::path& folder, int count) {
  Talk talk;
  sqlite3* db = nullptr;
  std::filesystem::create_directories(folder);
  if (sqlite3_open((folder / "plain.db").c_str(), &db) != SQLITE_OK) fail(Code::io, "plain FTS5");
  run_sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
              "CREATE VIRTUAL TABLE t USING fts5(text, tokenize = 'porter unicode61')");
  const auto insert = [&] { run_sql(db, "INSERT INTO t VALUES('" + talk.turn().text + "')"); };
  for (int done = 0; done < count; done += kBatch) {
    run_sql(db, "BEGIN");
    for (int i = 0; i < kBatch; ++i) insert();
    run_sql(db, "COMMIT");
  }
  std::vector<Took> times;
  for (int i = 0; i < kSingleWrites; ++i) times.push_back(time_of(insert));
  line("plain FTS5: write", percentiles(times));
  times.clear();
  for (const std::string& question : questions_for(count)) {
    std::string words = question.substr(std::string("what did we say about ").size());
    for (size_t at = 0; (at = words.find(' ', at)) != std::string::npos; at += 4) {
      words.replace(at, 1, " OR ");
    }
    times.push_back(time_of([&] {
      run_sql(db, "SELECT rowid, text, bm25(t) FROM t WHERE t MATCH '" + words +
                      "' ORDER BY bm25(t) LIMIT 100");
    }));
  }
  line("plain FTS5: question", percentiles(times));
  sqlite3_close(db);
  line("plain FTS5: bytes of a turn", fmt::format("{}", bytes_below(folder) / count));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: memory_speed TURNS TABLE [FOLDER] (see the head of this file)\n";
    return 1;
  }
  try {
    const int count = std::max(kBatch, std::stoi(argv[1]) / kBatch * kBatch);
    const memory::Ports ports =
        runtime::memory_ports(runtime::find_paths(), argv[2]);
    const TempDir folder;
    line("turns", fmt::format("{}, {}", count, ports.embed ? ports.embedder : "words only"));
    const std::filesystem::path kept = argc == 4 ? argv[3] : "";
    measure_memory(kept.empty() ? folder.path() / "memory" : kept, count, ports);
    measure_plain(folder.path() / "plain", count);
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
