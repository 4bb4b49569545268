#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace settings {

// Without spaces and tabs at both ends.
std::string_view trim(std::string_view text);

// The parts between separators; a text without one gives itself.
std::vector<std::string> split(std::string_view text, char separator);

// ASCII only.
std::string lower(std::string_view text);

// "a \"quoted\" text" <-> its plain form. unquote gives texts without quotes back as they are.
std::string quote(std::string_view text);
std::string unquote(std::string_view text);

}  // namespace settings
