#pragma once
// What an edit makes of a text.

#include <string>

#include "runtime/base/text.h"
#include "tools/edit_candidates.h"

namespace corvid::tools {

inline std::string applied(const std::string& text, const EditCandidate& c) {
  std::string out;
  int number = 0;
  for (const std::string_view line : split_lines(text)) {
    ++number;
    if (number == c.line && c.old_text.empty()) out += c.new_text + "\n";
    if (number == c.line && !c.old_text.empty()) {
      if (!c.new_text.empty()) out += c.new_text + "\n";
    } else {
      out.append(line).append("\n");
    }
  }
  if (c.line > number) out += c.new_text + "\n";
  return out;
}

}  // namespace corvid::tools
