#pragma once

#include <stdexcept>
#include <string>

namespace corvid {

enum class Code {
  invalid,
  not_found,
  corrupt,
  unsupported,
  denied,
  timeout,
  cancelled,
  io,
  device
};

// The only exception type this project throws. code() is for programs, what() is for people.
class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& what) : std::runtime_error(what), code_(code) {}
  Code code() const noexcept { return code_; }

 private:
  Code code_;
};

[[noreturn]] inline void fail(Code code, const std::string& what) { throw Error(code, what); }

// fail(io) with "WHAT: strerror(errno)"; reads errno first.
[[noreturn]] void fail_errno(const std::string& what);

}  // namespace corvid
