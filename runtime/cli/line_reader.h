#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace corvid::runtime {

// Lines that a person types: edited, with a history that is kept in a file, where stdin and stderr
// are terminals; else as they come.
class LineReader {
 public:
  explicit LineReader(std::filesystem::path history_file);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its end. Nothing at the end of input (Ctrl-D), or when `stop` is
  // requested, which throws away what was typed.
  std::optional<std::string> read(const std::string& prompt, const std::stop_token& stop);

  bool is_terminal() const { return is_terminal_; }

 private:
  struct Editor;
  std::optional<std::string> read_plain(const std::stop_token& stop);

  bool is_terminal_ = false;
  bool is_at_end_ = false;
  std::string pending_;             // bytes behind the last line
  std::unique_ptr<Editor> editor_;  // none without a terminal
};

}  // namespace corvid::runtime
