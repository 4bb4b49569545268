#pragma once

namespace corvid {

// Prints the condition with file and line to stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace corvid

// An invariant of ours; a violation is a bug, so it is always on and aborts.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::corvid::check_failed(#condition, __FILE__, __LINE__))
#ifdef NDEBUG
#define DCHECK(condition) static_cast<void>(0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
