// Runs a fuzz target on mutations of its seeds for a time and says how many. After a crash or a hang
// the input is in the file that it names.
//
//   build/release/tests/fuzz/fuzz_gguf [--seconds 60] [--seed 1] [--seeds-to FOLDER] [FILE...]
//
// With files it runs those alone; --seeds-to writes a corpus for libFuzzer.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

namespace {

constexpr size_t kInputMax = 1 << 20;
constexpr unsigned kHangSeconds = 20;

// Lies in a file, so that it outlives the process.
struct Slot {
  explicit Slot(const std::string& path) {
    std::ofstream(path, std::ios::binary | std::ios::trunc).close();
    if (truncate(path.c_str(), kInputMax + sizeof(uint64_t)) != 0) std::exit(2);
    FILE* file = std::fopen(path.c_str(), "r+b");
    void* mapped = mmap(nullptr, kInputMax + sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
                        fileno(file), 0);
    if (mapped == MAP_FAILED) std::exit(2);
    bytes = static_cast<char*>(mapped);
  }
  void set(const std::string& input) {
    const uint64_t size = input.size();
    std::memcpy(bytes, &size, sizeof size);
    std::memcpy(bytes + sizeof size, input.data(), input.size());
  }
  char* bytes = nullptr;
};

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, uint64_t seed) : seeds_(std::move(seeds)), random_(seed) {}

  std::string next() {
    std::string input = seeds_[random_() % seeds_.size()];
    for (uint64_t i = 0, count = 1 + random_() % 8; i < count; ++i) change(input);
    if (input.size() > kInputMax) input.resize(kInputMax);
    return input;
  }

 private:
  size_t place(const std::string& input) {
    // Headers are at the front: look there half of the time.
    const size_t size = input.size() + 1;
    return random_() % (random_() % 2 ? size : std::min<size_t>(size, 256));
  }

  void change(std::string& input) {
    const size_t at = place(input);
    const size_t length = std::min<size_t>(1 + random_() % 16, input.size() - at);
    static const uint64_t kOdd[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff,
                                    ~uint64_t{0}, uint64_t{1} << 63, 0x10000, 1000};
    switch (random_() % 8) {
      case 0: return void(input.insert(at, 1, static_cast<char>(random_())));
      case 1: return void(input.erase(at, length));
      case 2: return void(at < input.size() ? input[at] ^= char(1 << random_() % 8) : 0);
      case 3: return void(at < input.size() ? input[at] = char(random_()) : 0);
      case 4: {
        const uint64_t value = kOdd[random_() % std::size(kOdd)];
        const size_t width = std::min<size_t>(size_t{1} << random_() % 4, input.size() - at);
        return void(std::memcpy(input.data() + at, &value, width));
      }
      case 5: return void(input.insert(place(input), input.substr(at, length)));
      case 6: {
        const std::string& other = seeds_[random_() % seeds_.size()];
        const size_t from = random_() % (other.size() + 1);
        return void(input.insert(at, other.substr(from, 1 + random_() % 64)));
      }
      default: return void(random_() % 16 == 0 ? input.resize(at) : input.resize(input.size()));
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937_64 random_;
};

void run(const std::string& input) {
  alarm(kHangSeconds);
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
}

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 60;
  uint64_t seed = 1;
  std::string seeds_to;
  std::vector<const char*> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--seconds" && has_value) seconds = std::atof(argv[++i]);
    else if (argument == "--seed" && has_value) seed = std::strtoull(argv[++i], nullptr, 10);
    else if (argument == "--seeds-to" && has_value) seeds_to = argv[++i];
    else files.push_back(argv[i]);
  }
  for (const char* file : files) run(read(file));
  if (!files.empty()) return 0;
  const std::vector<std::string> seeds = fuzz_seeds();
  if (!seeds_to.empty()) {
    for (size_t i = 0; i < seeds.size(); ++i) {
      std::ofstream(seeds_to + "/seed-" + std::to_string(i), std::ios::binary) << seeds[i];
    }
    return 0;
  }
  const std::string name = std::string(argv[0]).substr(std::string(argv[0]).rfind('/') + 1);
  const std::string last = "/tmp/" + name + "." + std::to_string(getpid()) + ".last";
  std::printf("%s: the input under way is in %s (behind its length in 8 bytes)\n", name.c_str(),
              last.c_str());
  std::fflush(stdout);
  Slot slot(last);
  Mutator mutator(seeds, seed);
  for (const std::string& good : seeds) run(good);
  const auto begin = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  uint64_t count = 0;
  for (; passed() < seconds; ++count) {
    const std::string input = mutator.next();
    slot.set(input);
    run(input);
  }
  std::printf("%s: %llu executions in %.0f s from %zu seeds, nothing found\n", name.c_str(),
              static_cast<unsigned long long>(count), passed(), seeds.size());
  unlink(last.c_str());
  return 0;
}
