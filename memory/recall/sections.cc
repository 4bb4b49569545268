#include "memory/recall/sections.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "runtime/base/error.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr uint64_t kMark = 0x32306c6c61636572;  // "recall02"
constexpr size_t kSectionsMax = 64;
constexpr size_t kWaitingMax = size_t{1} << 20;

// The first page: mark, hash of the key, number of sections, then three numbers for each.
struct Head {
  uint64_t mark = 0, key = 0, count = 0;
  std::array<uint64_t, 3 * kSectionsMax> sections{};
};
static_assert(sizeof(Head) <= Pages::kAlign);

uint64_t page_end(uint64_t at) { return (at + Pages::kAlign - 1) / Pages::kAlign * Pages::kAlign; }

}  // namespace

SectionWriter::SectionWriter(const std::filesystem::path& file)
    : path_(file), end_(Pages::kAlign) {
  file_ = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file_ < 0) fail(Code::io, "cannot write " + file.string() + ": " + std::strerror(errno));
}

SectionWriter::~SectionWriter() { ::close(file_); }

void SectionWriter::write_all(const void* data, size_t bytes, uint64_t offset) {
  const auto* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t done = ::pwrite(file_, from, bytes, static_cast<off_t>(offset));
    if (done <= 0) fail(Code::io, "cannot write " + path_.string() + ": " + std::strerror(errno));
    from += done;
    bytes -= static_cast<size_t>(done);
    offset += static_cast<uint64_t>(done);
  }
}

void SectionWriter::flush() {
  write_all(waiting_.data(), waiting_.size(), end_);
  end_ += waiting_.size();
  waiting_.clear();
}

void SectionWriter::begin(size_t size) {
  flush();
  end_ = page_end(end_);
  sections_.push_back({.offset = end_, .size = size});
  if (sections_.size() > kSectionsMax) fail(Code::invalid, "too many sections");
}

void SectionWriter::add(const void* data, size_t bytes) {
  sections_.back().bytes += bytes;
  waiting_.append(static_cast<const char*>(data), bytes);
  if (waiting_.size() >= kWaitingMax) flush();
}

void SectionWriter::finish(std::string_view key) {
  flush();
  if (::ftruncate(file_, static_cast<off_t>(page_end(end_))) != 0 || ::fdatasync(file_) != 0) {
    fail(Code::io, "cannot write " + path_.string() + ": " + std::strerror(errno));
  }
  Head head{.mark = kMark, .key = fnv1a(key), .count = sections_.size()};
  for (size_t i = 0; i < sections_.size(); ++i) {
    head.sections[3 * i] = sections_[i].offset;
    head.sections[3 * i + 1] = sections_[i].bytes;
    head.sections[3 * i + 2] = sections_[i].size;
  }
  write_all(&head, sizeof(head), 0);
  if (::fdatasync(file_) != 0) fail(Code::io, "cannot write " + path_.string());
}

SectionReader::SectionReader(const std::filesystem::path& file, std::string_view key)
    : path_(file) {
  file_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) fail(Code::not_found, "no file " + file.string());
  struct stat state {};
  Head head;
  const bool is_read = ::fstat(file_, &state) == 0 &&
                       ::pread(file_, &head, sizeof(head), 0) == ssize_t{sizeof(head)};
  const bool is_known = is_read && head.mark == kMark && head.key == fnv1a(key) &&
                        head.count <= kSectionsMax;
  if (!is_known) {
    ::close(file_);
    fail(Code::corrupt, "corrupt: " + file.string());
  }
  file_bytes_ = static_cast<uint64_t>(state.st_size);
  table_.assign(head.sections.begin(), head.sections.begin() + 3 * static_cast<long>(head.count));
}

SectionReader::~SectionReader() { ::close(file_); }

void SectionReader::require(bool is_sound) const {
  if (!is_sound) fail(Code::corrupt, "corrupt: " + path_.string());
}

std::pair<size_t, size_t> SectionReader::next(size_t size) {
  require(at_ + 3 <= table_.size());
  const uint64_t offset = table_[at_];
  const uint64_t bytes = table_[at_ + 1];
  require(table_[at_ + 2] == size && offset % Pages::kAlign == 0 && bytes % size == 0 &&
          offset <= file_bytes_ && bytes <= file_bytes_ - offset);
  at_ += 3;
  return {offset, bytes / size};
}

}  // namespace corvid::memory
