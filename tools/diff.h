#pragma once

#include <string>
#include <string_view>

namespace corvid::tools {

// The change from `before` to `after` as a unified diff with `context` lines around each hunk:
// "--- a/PATH", "+++ b/PATH", hunks, "\ No newline at end of file". Empty when nothing changed.
// Lines are split at "\n"; a "\r" before it is part of the line. Texts that differ in more than a
// few thousand lines give a correct diff that is not the shortest (Myers 1986, bounded).
std::string unified_diff(std::string_view path, std::string_view before, std::string_view after,
                         int context = 3);

// The same for a file that is new or that is gone: "/dev/null" takes the place of its name.
std::string added_file_diff(std::string_view path, std::string_view content);
std::string removed_file_diff(std::string_view path, std::string_view content);

}  // namespace corvid::tools
