#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Memory that no process's resident size tells of: files that memfd_create makes, held open or
// mapped, and System V segments. Nothing is allocated.
namespace corvid::jail {

class SharedMemory {
 public:
  SharedMemory();

  // Whether it is time for another pass: at most a tenth of the time goes into them.
  bool is_due() const;
  // A pass: begin(), add() for each process, add_mapped() for each, end(). `process` is a folder of
  // a process, relative to `proc_fd` (of /proc) or absolute.
  void begin();
  void add(int proc_fd, const char* process);
  void add_mapped(int proc_fd, const char* process);
  // `sysvipc` names the list of segments (proc(5)), or is null where there can be none.
  void end(int proc_fd, const char* sysvipc);

  // What the last pass has found. Of a file that is mapped and that nobody holds open the mapped
  // part is counted, here and as resident, and nothing of one on its way through a socket.
  // Processes whose files could not be seen over several passes in a row count as more than any
  // limit.
  long bytes() const { return bytes_; }

  // What of a process's resident bytes, shared pages divided among their owners, is in bytes() too
  // or in a file of the file systems `others`.
  long counted_twice(int proc_fd, const char* process, const dev_t* others,
                     size_t other_count) const;

 private:
  bool add_descriptors(int proc_fd, const char* process, bool& is_seen);
  size_t place_of(uint64_t inode) const;  // in the table: where it is, or belongs
  bool is_new(uint64_t inode, bool is_open);

  static constexpr size_t kInodesMax = 1 << 16;  // half: beyond, what several hold counts again
  dev_t device_ = 0;                          // of all memfds; 0: there can be none
  uint64_t inodes_[kInodesMax] = {};  // twice each, and 1 for what is held open; 0: nothing
  size_t inode_count_ = 0;
  bool has_unseen_ = false;
  int unseen_passes_ = 0;
  long sum_ = 0, bytes_ = 0;
  int64_t begun_us_ = 0, due_us_ = 0;
};

}  // namespace corvid::jail
