#pragma once

#include <string>
#include <string_view>

namespace corvid::tools {

// A path as one line of text: itself, or in double quotes with C escapes (as git prints it) when it
// holds control characters, quotes, backslashes or bytes that are not UTF-8.
std::string quote_path(std::string_view path);

}  // namespace corvid::tools
