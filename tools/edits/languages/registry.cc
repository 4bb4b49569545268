#include <algorithm>
#include <array>
#include <string>

#include "runtime/base/registry.h"
#include "tools/edits/language.h"

namespace corvid::tools::edits {

namespace {

using Make = const Language& (*)();
constexpr std::array kLanguages = {
#define X(id, name) Entry<Make>{name, &id##_language},
#include "tools/edits/languages/languages.inc"
#undef X
};

}  // namespace

std::span<const Language* const> languages() {
  static const auto kAll = [] {
    std::array<const Language*, kLanguages.size()> all{};
    std::transform(kLanguages.begin(), kLanguages.end(), all.begin(),
                   [](const Entry<Make>& entry) { return &entry.make(); });
    return all;
  }();
  return kAll;
}

const Language& find_language(std::string_view name) {
  return find_maker<Make>(kLanguages, "language", name)();
}

const Language* language_of(std::string_view path) {
  for (const Language* language : languages()) {
    if (language->has_file(path)) return language;
  }
  return nullptr;
}

}  // namespace corvid::tools::edits
