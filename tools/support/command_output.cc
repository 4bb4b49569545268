#include "tools/support/command_output.h"

#include <algorithm>

#include "runtime/base/text.h"

namespace corvid::tools {

CommandOutput::CommandOutput(std::filesystem::path file, size_t shown_bytes_max)
    : file_(std::move(file)), shown_bytes_max_(std::max<size_t>(shown_bytes_max, 64)) {}

void CommandOutput::add(std::string_view piece) {
  if (is_spilled_) {
    spill(piece);
  } else {
    begin_ += piece;
    if (begin_.size() > shown_bytes_max_) {
      is_spilled_ = true;
      spill(begin_);
      begin_ = {};
    }
  }
  new_bytes_ += int64_t(piece.size());
  const size_t half = shown_bytes_max_ / 2;
  const size_t to_head = std::min(piece.size(), half - std::min(half, head_.size()));
  head_.append(piece.substr(0, to_head));
  piece.remove_prefix(to_head);
  if (piece.size() > half) piece.remove_prefix(piece.size() - half);
  tail_.append(piece);
  if (tail_.size() > 8 * half) tail_.erase(0, tail_.size() - half);
}

void CommandOutput::spill(std::string_view piece) {
  if (file_.empty() || !is_whole_) return;
  if (!spilled_.is_open()) {
    std::error_code error;
    std::filesystem::create_directories(file_.parent_path(), error);
    spilled_.open(file_, std::ios::binary | std::ios::trunc);
  }
  const int64_t room = kSpillBytesMax - spilled_bytes_;
  is_whole_ = int64_t(piece.size()) <= room;
  piece = piece.substr(0, size_t(room));
  spilled_.write(piece.data(), std::streamsize(piece.size()));
  spilled_.flush();
  spilled_bytes_ += int64_t(piece.size());
  if (spilled_) return;
  is_whole_ = false;  // the disk is full, say
  spilled_.close();
  std::error_code error;
  std::filesystem::remove(file_, error);
  file_.clear();
}

std::string CommandOutput::take_new() {
  const size_t half = shown_bytes_max_ / 2;
  std::string text;
  if (tail_.size() <= half && int64_t(head_.size() + tail_.size()) == new_bytes_) {
    text = to_utf8(head_ + tail_);
  } else {
    const std::string_view tail = std::string_view(tail_).substr(tail_.size() - half);
    const int64_t left_out = new_bytes_ - int64_t(head_.size() + tail.size());
    text = to_utf8(head_) + "\n[... " + std::to_string(left_out) + " bytes left out";
    if (is_spilled_ && !file_.empty()) {
      text += is_whole_ ? "; all of it: " : "; the first 64 MiB of it: ";
      text += how_to_read(file_);
    }
    text += " ...]\n" + to_utf8(tail);
  }
  head_.clear();
  tail_.clear();
  new_bytes_ = 0;
  return text;
}

std::string how_to_read(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  return "read_file output:" + name + ", or in commands $CORVID_OUTPUTS/" + name + ".txt";
}

}  // namespace corvid::tools
