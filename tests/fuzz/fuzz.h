#pragma once
// A fuzz target: what every tests/fuzz/*_fuzz.cc defines. driver.cc runs it; with clang libFuzzer
// can, too (tests/CMakeLists.txt).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Good inputs, from which mutations start.
std::vector<std::string> fuzz_seeds();

// Must neither crash, hang nor throw anything but corvid::Error, which it catches.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace corvid::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Where an invariant does not hold: ends the program, as a crash would.
inline void check(bool good) {
  if (!good) __builtin_trap();
}

}  // namespace corvid::fuzz
