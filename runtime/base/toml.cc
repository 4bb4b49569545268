#include "runtime/base/toml.h"

#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid {

toml::table parse_toml(std::string_view text, const std::string& name) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) refuse_toml(name, parsed.error().source(), parsed.error().description());
  return std::move(parsed).table();
}

toml::table read_toml(const std::filesystem::path& file) {
  return parse_toml(read_file(file, int64_t{1} << 20), file.string());
}

std::string toml_place(const std::string& name, const toml::source_region& at) {
  return name + " line " + std::to_string(at.begin.line);
}

void refuse_toml(const std::string& name, const toml::source_region& at, std::string_view what) {
  fail(Code::invalid, toml_place(name, at) + ": " + std::string(what));
}

}  // namespace corvid
