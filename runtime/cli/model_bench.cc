#include "runtime/cli/model_bench.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <thread>

#include <sys/mman.h>

#include <fmt/format.h>

#include "engine/engine.h"
#include "engine/gguf.h"
#include "engine/outline.h"
#include "engine/threads.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "runtime/cli/terminal.h"

namespace corvid::runtime {
namespace {

using engine::Token;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Seconds of the clock and of the processor, all threads together.
struct Seconds {
  double wall = 0, cpu = 0;
};

class Watch {
 public:
  Seconds elapsed() const {
    return {seconds_since(begin_), double(std::clock() - cpu_begin_) / CLOCKS_PER_SEC};
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::clock_t cpu_begin_ = std::clock();
};

double thread_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

// Bytes per second that `threads` threads read from memory, which may be in huge pages, by the
// processor time of each, since others may use the machine as well: the best of some rounds.
double measure_bandwidth(int threads) {
  constexpr size_t kBytes = size_t{512} << 20, kHugePage = size_t{1} << 21;
  constexpr int kRounds = 8;
  const std::unique_ptr<void, void (*)(void*)> block(std::aligned_alloc(kHugePage, kBytes),
                                                     std::free);
  if (block == nullptr) return 0;
  (void)::madvise(block.get(), kBytes, MADV_HUGEPAGE);
  auto* const memory = static_cast<char*>(block.get());
  std::memset(memory, 1, kBytes);
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> speeds(static_cast<size_t>(threads));
    {
      std::vector<std::jthread> readers;
      for (size_t i = 0; i < speeds.size(); ++i) {
        readers.emplace_back([&, i] {
          const size_t first = kBytes * i / speeds.size(), last = kBytes * (i + 1) / speeds.size();
          const double begin = thread_cpu_seconds();
          // What is not there is looked for everywhere, with the widest vectors of the machine.
          if (std::memchr(memory + first, 2, last - first) != nullptr) return;
          speeds[i] = double(last - first) / (thread_cpu_seconds() - begin);
        });
      }
    }
    best = std::max(best, std::accumulate(speeds.begin(), speeds.end(), 0.0));
  }
  return best;
}

// Linux keeps the highest resident size since the start, or since this.
void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

int64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::strtoll(line.c_str() + 6, nullptr, 10) * 1024;
  }
  return 0;
}

class Bench {
 public:
  explicit Bench(const ModelBench& options) : options_(options) {
    engine::EngineOptions load;
    load.thread_count = options.threads;
    load.int8_activations = options.int8_activations;
    load.kv_type = options.kv_type;
    threads_ = engine::thread_count(options.threads);
    bandwidth_ = measure_bandwidth(threads_);
    forget_peak_memory();
    const auto begin = std::chrono::steady_clock::now();
    engine_ = engine::Engine::load(options.file, load);
    load_seconds_ = seconds_since(begin);
    outline_ = engine::outline(engine_->file());
    needs_ = engine::memory_needs(engine_->file(), load).value_or(engine::MemoryNeeds{});
    row_.resize(static_cast<size_t>(engine_->summary().vocab_size));
    // Weights are brought into the form that kernels read when they are first used.
    const auto first = engine_->open();
    engine_->append(*first, tokens(0, 1), row_, false, {});
    first_token_seconds_ = seconds_since(begin);
  }

  void run() {
    print_machine();
    for (const int depth : options_.depths) {
      const auto base = engine_->open();
      if (depth > 0) engine_->append(*base, tokens(0, depth), {}, false, {});
      for (const int length : options_.prompt_lengths) {
        if (length > 0) report("prefill", length, depth, prefill(*base, depth, length));
      }
      if (options_.decode_tokens > 0) {
        report("decode", options_.decode_tokens, depth, decode(*base));
      }
    }
    if (options_.turn_new > 0) report("turn", options_.turn_new, options_.turn_kept, turn());
    const int64_t peak = peak_memory_bytes();  // of one conversation
    if (options_.sequences > 0) {
      report("batch", options_.decode_tokens * options_.sequences, 0, decode_together());
    }
    print_end(peak);
  }

 private:
  std::vector<Token> tokens(int first, int count) const {
    std::vector<Token> result;
    for (int i = first; i < first + count; ++i) {
      result.push_back(static_cast<Token>((size_t(i) * 7919 + 13) % row_.size()));
    }
    return result;
  }

  std::vector<Seconds> prefill(const engine::Sequence& base, int depth, int length) {
    std::vector<Seconds> seconds;
    const std::vector<Token> prompt = tokens(depth, length);
    for (int run = 0; run < options_.repeat; ++run) {
      const auto sequence = base.fork();
      const Watch watch;
      engine_->append(*sequence, prompt, row_, false, {});
      seconds.push_back(watch.elapsed());
    }
    return seconds;
  }

  std::vector<Seconds> decode(const engine::Sequence& base) {
    std::vector<Seconds> seconds;
    for (int run = 0; run < options_.repeat; ++run) {
      const auto sequence = base.fork();
      const Watch watch;
      for (const Token token : tokens(run, options_.decode_tokens)) {
        const engine::StepItem item{sequence.get(), token};
        engine_->step({&item, 1}, row_);
      }
      seconds.push_back(watch.elapsed());
    }
    return seconds;
  }

  std::vector<Seconds> turn() {
    constexpr int kReplyTokens = 8;
    const auto base = engine_->open();
    engine_->append(*base, tokens(0, options_.turn_kept), {}, false, {});
    base->snapshot();
    for (const Token token : tokens(options_.turn_kept, kReplyTokens)) {
      const engine::StepItem item{base.get(), token};
      engine_->step({&item, 1}, row_);
    }
    std::vector<Seconds> seconds;
    for (int run = 0; run < options_.repeat; ++run) {
      const auto sequence = base->fork();
      const Watch watch;
      (void)sequence->truncate(options_.turn_kept);
      engine_->append(*sequence, tokens(options_.turn_kept, options_.turn_new), row_, false, {});
      seconds.push_back(watch.elapsed());
    }
    return seconds;
  }

  std::vector<Seconds> decode_together() {
    const auto count = static_cast<size_t>(options_.sequences);
    std::vector<float> rows(count * row_.size());
    std::vector<Seconds> seconds;
    for (int run = 0; run < options_.repeat; ++run) {
      std::vector<std::unique_ptr<engine::Sequence>> sequences;
      for (size_t i = 0; i < count; ++i) {
        sequences.push_back(engine_->open());
        engine_->append(*sequences.back(), tokens(int(i), 1), {}, false, {});
      }
      const Watch watch;
      for (int step = 0; step < options_.decode_tokens; ++step) {
        std::vector<engine::StepItem> items;
        for (size_t i = 0; i < count; ++i) {
          items.push_back({sequences[i].get(), tokens(step + int(i) + 1, 1)[0]});
        }
        engine_->step(items, rows);
      }
      seconds.push_back(watch.elapsed());
    }
    return seconds;
  }

  // Weights, the state, and the keys and values of the tokens before, on average over the run.
  double bytes_per_token(int depth) const {
    const double tokens = depth + options_.decode_tokens / 2.0;
    const double window = double(std::max<int64_t>(1, needs_.window_tokens));
    return double(outline_.decode_bytes) + double(needs_.state_bytes) +
           double(needs_.kv_bytes_per_token) * tokens +
           double(needs_.window_bytes) * std::min(1.0, tokens / window);
  }

  void report(const char* test, int count, int depth, std::vector<Seconds> seconds) const {
    std::sort(seconds.begin(), seconds.end(),
              [](const Seconds& a, const Seconds& b) { return a.wall < b.wall; });
    const double speed = count / seconds[seconds.size() / 2].wall;
    const double fastest = count / seconds.front().wall, slowest = count / seconds.back().wall;
    double cpu = seconds.front().cpu;
    for (const Seconds& run : seconds) cpu = std::min(cpu, run.cpu);
    const bool is_decode = std::strcmp(test, "decode") == 0;
    const double bytes = is_decode ? bytes_per_token(depth) : 0;
    const double share = bandwidth_ > 0 ? bytes * speed / bandwidth_ : 0;
    if (options_.json) {
      Json line = {{"type", "row"},          {"test", test},       {"tokens", count},
                   {"depth", depth},         {"runs", seconds.size()}, {"tokens_per_s", speed},
                   {"fastest", fastest},     {"slowest", slowest},
                   {"cpu_s", cpu}};
      if (is_decode) {
        line["bytes_per_token"] = bytes;
        line["bandwidth_share"] = share;
      }
      write_text(stdout, dump_json(line) + "\n");
      return;
    }
    std::string text =
        fmt::format("{:<8}{:>6} at {:<7}{:>10.1f} tokens/s   ({:.1f} to {:.1f})", test, count,
                    depth, speed, slowest, fastest);
    if (is_decode) {
      text += fmt::format("   {:.2f} MB/token, {:.1f} % of the bandwidth", bytes / 1e6,
                          share * 100);
    }
    write_text(stdout, text + "\n");
  }

  void print_machine() const {
    const engine::ModelSummary& summary = engine_->summary();
    if (options_.json) {
      write_text(stdout, dump_json({{"type", "machine"},
                                    {"model", summary.file},
                                    {"architecture", summary.architecture},
                                    {"parameters", summary.parameter_count},
                                    {"backend", summary.backend},
                                    {"int8", options_.int8_activations},
                                    {"threads", threads_},
                                    {"load_ms", load_seconds_ * 1e3},
                                    {"first_token_ms", first_token_seconds_ * 1e3},
                                    {"bandwidth_bytes_per_s", bandwidth_},
                                    {"state_bytes", needs_.state_bytes},
                                    {"kv_type", engine_->summary().kv_type},
                                    {"kv_bytes_per_token", needs_.kv_bytes_per_token},
                                    {"window_bytes", needs_.window_bytes}}) +
                             "\n");
      return;
    }
    write_text(stdout, fmt::format("{}: {}, {:.3f} M parameters, {:.1f} MB; {}; "
                                   "loaded in {:.1f} ms, first token after {:.1f} ms\n"
                                   "memory reads at {:.1f} GB/s with {} threads\n",
                                   summary.file, summary.architecture,
                                   double(summary.parameter_count) / 1e6,
                                   double(summary.file_bytes) / 1e6, summary.backend,
                                   load_seconds_ * 1e3, first_token_seconds_ * 1e3,
                                   bandwidth_ / 1e9, threads_));
  }

  void print_end(int64_t peak) const {
    if (options_.json) {
      write_text(stdout, dump_json({{"type", "end"}, {"peak_memory_bytes", peak}}) + "\n");
    } else {
      write_text(stdout, fmt::format("peak memory {:.1f} MB\n", double(peak) / 1e6));
    }
  }

  const ModelBench& options_;
  int threads_ = 1;
  double load_seconds_ = 0, first_token_seconds_ = 0, bandwidth_ = 0;
  std::unique_ptr<engine::Engine> engine_;
  engine::ModelOutline outline_;
  engine::MemoryNeeds needs_;
  std::vector<float> row_;
};

}  // namespace

void run_model_bench(const ModelBench& bench) { Bench(bench).run(); }

}  // namespace corvid::runtime
