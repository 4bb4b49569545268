#pragma once

#include <string>
#include <string_view>

namespace corvid {

// All of `bytes` to an open file, however many calls that takes. Throws io, naming `name`.
void write_all(int fd, std::string_view bytes, const std::string& name);

}  // namespace corvid
