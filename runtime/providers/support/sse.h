#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace corvid::runtime {

// Reads a stream of server-sent events (HTML standard, section 9.2) as it arrives: one call of
// `on_event` per complete event that has data, the data lines joined by newlines. Lines end in LF,
// CR LF or CR. Throws invalid for an event above 16 MiB.
class SseReader {
 public:
  using OnEvent = std::function<void(std::string_view event, std::string_view data)>;
  explicit SseReader(OnEvent on_event) : on_event_(std::move(on_event)) {}

  void feed(std::string_view bytes);
  // An event without its closing empty line, as some servers end their streams, counts.
  void end();

 private:
  void take_line(std::string_view line);
  void dispatch();

  OnEvent on_event_;
  std::string line_;
  std::string event_;
  std::string data_;
  bool has_data_ = false;
  bool last_was_return_ = false;
};

}  // namespace corvid::runtime
