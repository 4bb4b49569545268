#include "tools/quote.h"

#include <cstdio>

#include "runtime/base/text.h"

namespace corvid::tools {

std::string quote_path(std::string_view path) {
  // printable() also knows the C1 controls.
  const bool is_plain = path.find_first_of("\"\\\n\t") == std::string_view::npos &&
                        is_utf8(path) && printable(path) == path;
  if (is_plain) return std::string(path);
  std::string out = "\"";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\%03o", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace corvid::tools
