#pragma once
// What people see of a run, on stderr; and JSON lines for programs, on stdout.

#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "runtime/event.h"
#include "runtime/run_result.h"

namespace corvid::runtime {

// Colours only where `stream` is a terminal and NO_COLOR is not set.
class Palette {
 public:
  explicit Palette(std::FILE* stream);
  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }
  std::string red(std::string_view text) const { return paint("31", text); }
  std::string green(std::string_view text) const { return paint("32", text); }
  std::string cyan(std::string_view text) const { return paint("36", text); }

 private:
  std::string paint(const char* code, std::string_view text) const;
  bool enabled_ = false;
};

void write_text(std::FILE* stream, std::string_view text);
std::string coloured_diff(const Palette& palette, std::string_view diff);

// Shows each event of a run as it happens.
class RunView {
 public:
  explicit RunView(std::FILE* stream) : stream_(stream), palette_(stream) {}
  void show(const Event& event);
  void show_result(const RunResult& result);

 private:
  void line(const std::string& text);
  void show_message(const Message& message);
  void show_attempt(const AttemptEnded& ended, int attempt);

  std::FILE* stream_;
  Palette palette_;
  bool diff_was_shown_ = false;
  std::set<int> out_of_time_;  // attempts whose last check was cut off
};

}  // namespace corvid::runtime
