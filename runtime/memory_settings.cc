#include "runtime/memory_settings.h"

#include <optional>

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "memory/store.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kConfigBytesMax = 1 << 20;

[[noreturn]] void refuse(const std::string& file, const toml::source_region& at,
                         const std::string& what) {
  fail(Code::invalid, file + " line " + std::to_string(at.begin.line) + ": " + what);
}

}  // namespace

MemorySettings read_memory_settings(const Paths& paths) {
  MemorySettings settings{.store = paths.memory().string()};
  const std::filesystem::path path = paths.config / "config.toml";
  if (!std::filesystem::exists(path)) return settings;
  const std::string file = path.string();
  const toml::parse_result parsed = toml::parse(read_file(path, kConfigBytesMax));
  if (!parsed) refuse(file, parsed.error().source(), std::string(parsed.error().description()));
  const toml::node* node = parsed.table().get("memory");
  if (node == nullptr) return settings;
  if (!node->is_table()) refuse(file, node->source(), "write [memory]");
  for (const auto& [key, value] : *node->as_table()) {
    const std::optional<std::string> text = value.value_exact<std::string>();
    if (!text || text->empty()) refuse(file, value.source(), "a text is wanted");
    if (key.str() == "embedder") {
      settings.embedder = *text;
    } else if (key.str() == "store" &&
               (text->front() == '/' || memory::is_store_url(*text))) {
      settings.store = *text;
    } else if (key.str() == "durability" && (*text == "full" || *text == "normal")) {
      settings.durability =
          *text == "full" ? memory::Durability::full : memory::Durability::normal;
    } else {
      refuse(file, value.source(),
             "known in [memory]: embedder = \"built-in\" | \"none\" | a table of token vectors,"
             " durability = \"full\" | \"normal\", store = an absolute folder |"
             " \"postgresql://...\"");
    }
  }
  return settings;
}

}  // namespace corvid::runtime
