#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace corvid::log {

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

// One line per record on stderr: "LEVEL module: event key=value ...". The level comes from
// CORVID_LOG (debug, info, warning, error; default warning). Thread-safe. Never in a per-token
// loop.
void debug(std::string_view module, std::string_view event, Fields fields = {});
void info(std::string_view module, std::string_view event, Fields fields = {});
void warning(std::string_view module, std::string_view event, Fields fields = {});
void error(std::string_view module, std::string_view event, Fields fields = {});

}  // namespace corvid::log
