#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace corvid::tools {

inline constexpr int64_t kSpillBytesMax = int64_t{64} << 20;  // of one spilled output

// The output of one command: what is new since it was last shown, as head and tail where it is
// long, and, once all of it together is longer than that, all of it in a file. Not thread-safe.
class CommandOutput {
 public:
  // `file` empty: nothing is spilled. It and its folder are made when they are needed.
  CommandOutput(std::filesystem::path file, size_t shown_bytes_max);

  void add(std::string_view piece);
  // Valid UTF-8; afterwards nothing is new. A cut says how to read the whole.
  std::string take_new();

 private:
  void spill(std::string_view piece);

  std::filesystem::path file_;
  size_t shown_bytes_max_;
  std::string begin_;  // all of it, while it is short
  std::ofstream spilled_;
  int64_t spilled_bytes_ = 0;
  bool is_spilled_ = false;
  bool is_whole_ = true;  // the file holds all of it
  std::string head_, tail_;  // of what is new
  int64_t new_bytes_ = 0;
};

// How the model reads the file of an output: "read_file output:NAME, ..."; NAME is its stem.
std::string how_to_read(const std::filesystem::path& file);

}  // namespace corvid::tools
