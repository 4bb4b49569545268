#include "runtime/cli/spinner.h"

#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include <fmt/format.h>

namespace corvid::runtime {
namespace {

constexpr std::chrono::milliseconds kFelt{700}, kStep{120};
constexpr std::string_view kErase = "\r\x1b[K";

bool can_erase(std::FILE* stream) {
  const char* terminal = std::getenv("TERM");
  return ::isatty(::fileno(stream)) != 0 && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

}  // namespace

Spinner::Spinner(std::FILE* stream) : stream_(stream) {
  if (can_erase(stream)) thread_ = std::thread([this] { turn(); });
}

Spinner::~Spinner() {
  if (!thread_.joinable()) return;
  stop();
  {
    const std::scoped_lock guard(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Spinner::start(const std::string& note) {
  {
    const std::scoped_lock guard(mutex_);
    note_ = note;
    since_ = std::chrono::steady_clock::now();
    is_turning_ = true;
  }
  changed_.notify_all();
}

void Spinner::stop() {
  const std::scoped_lock guard(mutex_);
  is_turning_ = false;
  if (!is_shown_) return;
  is_shown_ = false;
  std::fwrite(kErase.data(), 1, kErase.size(), stream_);
  std::fflush(stream_);
}

void Spinner::turn() {
  constexpr std::string_view kMarks = "|/-\\";
  std::unique_lock guard(mutex_);
  for (size_t step = 0; !is_over_; ++step) {
    if (!is_turning_) {
      changed_.wait(guard);
      continue;
    }
    changed_.wait_for(guard, kStep);
    const auto waited = std::chrono::steady_clock::now() - since_;
    if (!is_turning_ || waited < kFelt) continue;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(waited).count();
    const std::string line =
        fmt::format("{}\x1b[2m{} {} s{}{}\x1b[0m", kErase, kMarks[step % kMarks.size()], seconds,
                    note_.empty() ? "" : ", ", note_);
    std::fwrite(line.data(), 1, line.size(), stream_);
    std::fflush(stream_);
    is_shown_ = true;
  }
}

}  // namespace corvid::runtime
