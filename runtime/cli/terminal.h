#pragma once
// What people see of a run, on stderr; and JSON lines for programs, on stdout.

#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "runtime/cli/spinner.h"
#include "runtime/event.h"
#include "runtime/paths.h"
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
// Text from a model or a file: on a terminal with its control characters made visible.
void write_foreign(std::FILE* stream, std::string_view text);
std::string coloured_diff(const Palette& palette, std::string_view diff);

// What someone should know who has never run Corvid here: three lines. Empty for anybody else.
std::string first_run_text(const Paths& paths, const std::string& model);

// Shows each event of a run as it happens, and on a terminal that something is under way.
class RunView {
 public:
  explicit RunView(std::FILE* stream) : stream_(stream), palette_(stream), spinner_(stream) {}
  void show(const Event& event);
  void show_result(const RunResult& result);
  void show_reasoning(const Message& message);  // a line of it
  // Before and after others write to the terminal, or ask there.
  void hush() { spinner_.stop(); }
  void go_on();

 private:
  void show_event(const Event& event);
  void line(const std::string& text);
  void show_message(const Message& message);
  void show_attempt(const AttemptEnded& ended, int attempt);

  std::FILE* stream_;
  Palette palette_;
  Spinner spinner_;
  std::chrono::steady_clock::time_point asked_at_ = std::chrono::steady_clock::now();
  std::string rate_;  // of the last reply
  bool diff_was_shown_ = false;
  std::set<int> out_of_time_;  // attempts whose last check was cut off
};

}  // namespace corvid::runtime
