#include "runtime/base/log.h"

#include <cstdlib>

#undef SPDLOG_COMPILED_LIB  // its code goes into this file
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "runtime/base/text.h"

namespace corvid::log {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = std::make_shared<spdlog::logger>("corvid",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%l %v");
    const char* level = std::getenv("CORVID_LOG");
    made->set_level(level == nullptr ? spdlog::level::warn : spdlog::level::from_str(level));
    return made;
  }();
  return *instance;
}

void write(spdlog::level::level_enum level, std::string_view module, std::string_view event,
           Fields fields) {
  if (!logger().should_log(level)) return;
  std::string line = std::string(module) + ": " + std::string(event);
  for (const auto& [key, value] : fields) line.append(" ").append(key).append("=").append(value);
  logger().log(level, "{}", printable(line));
}

}  // namespace

void debug(std::string_view module, std::string_view event, Fields fields) {
  write(spdlog::level::debug, module, event, fields);
}
void info(std::string_view module, std::string_view event, Fields fields) {
  write(spdlog::level::info, module, event, fields);
}
void warning(std::string_view module, std::string_view event, Fields fields) {
  write(spdlog::level::warn, module, event, fields);
}
void error(std::string_view module, std::string_view event, Fields fields) {
  write(spdlog::level::err, module, event, fields);
}

}  // namespace corvid::log
