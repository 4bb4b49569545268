#pragma once
// TOML that people write: only for .cc files.

#include <filesystem>
#include <string>
#include <string_view>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace corvid {

// `name` stands for the text in errors. Throws invalid with the line.
toml::table parse_toml(std::string_view text, const std::string& name);
toml::table read_toml(const std::filesystem::path& file);  // of at most 1 MiB

// "config.toml line 7"
std::string toml_place(const std::string& name, const toml::source_region& at);
// Throws invalid: "PLACE: WHAT".
[[noreturn]] void refuse_toml(const std::string& name, const toml::source_region& at,
                              std::string_view what);

}  // namespace corvid
