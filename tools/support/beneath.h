#pragma once
// Opening files without leaving a root folder, whatever links and renames happen meanwhile.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace corvid::tools {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// Opens `relative_path` ("." for the root itself) with openat2(RESOLVE_BENEATH |
// RESOLVE_NO_MAGICLINKS). Where the kernel has no openat2 every component is opened with
// O_NOFOLLOW, so that links are refused. Not open: errno says why; EXDEV and ELOOP mean that a link
// or ".." leaves the root.
Descriptor open_beneath(int root_fd, std::string_view relative_path, int flags);

// The way of kernels without openat2; for tests.
Descriptor open_beneath_by_steps(int root_fd, std::string_view relative_path, int flags);

// Where `fd` really is, from /proc/self/fd. Throws io.
std::filesystem::path real_path(int fd);

enum class ReadOutcome { ok, missing, leaves, not_a_file, too_large, unreadable };

struct ReadResult {
  ReadOutcome outcome = ReadOutcome::missing;
  std::string content;
  int error = 0;  // errno of `unreadable`
};

// A whole regular file of at most `bytes_max` bytes beneath `root`. Never blocks on a FIFO.
ReadResult read_beneath(const std::filesystem::path& root, std::string_view relative_path,
                        int64_t bytes_max);

// Replaces the file `name` in the folder `folder_fd` in one step: a new file beside it, synced,
// renamed over it. Keeps the mode of the old one. Throws io.
void replace_file(int folder_fd, const std::string& name, std::string_view content);

}  // namespace corvid::tools
