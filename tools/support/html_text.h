#pragma once

#include <string>
#include <string_view>

namespace corvid::tools {

// The readable text of an HTML page: tags, scripts and styles left out, common character references
// decoded, block elements on lines of their own. No layout, no tables.
std::string html_text(std::string_view html);

}  // namespace corvid::tools
