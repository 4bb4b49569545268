#include "runtime/memory_settings.h"

#include <optional>

#include "memory/store.h"
#include "runtime/base/toml.h"

namespace corvid::runtime {

MemorySettings read_memory_settings(const Paths& paths) {
  MemorySettings settings{.store = paths.memory().string()};
  const std::filesystem::path path = paths.settings();
  if (!std::filesystem::exists(path)) return settings;
  const std::string file = path.string();
  const toml::table config = read_toml(path);
  const toml::node* node = config.get("memory");
  if (node == nullptr) return settings;
  if (!node->is_table()) refuse_toml(file, node->source(), "write [memory]");
  for (const auto& [key, value] : *node->as_table()) {
    const std::optional<std::string> text = value.value_exact<std::string>();
    if (!text || text->empty()) refuse_toml(file, value.source(), "a text is wanted");
    if (key.str() == "embedder") {
      settings.embedder = *text;
    } else if (key.str() == "store" &&
               (text->front() == '/' || memory::is_store_url(*text))) {
      settings.store = *text;
    } else if (key.str() == "model") {
      settings.model = *text;
    } else if (key.str() == "consolidate" && (*text == "after-runs" || *text == "on-demand")) {
      settings.consolidates_after_runs = *text == "after-runs";
    } else if (key.str() == "durability" && (*text == "full" || *text == "normal")) {
      settings.durability =
          *text == "full" ? memory::Durability::full : memory::Durability::normal;
    } else {
      refuse_toml(file, value.source(),
             "known in [memory]: embedder = \"built-in\" | \"none\" | a table of token vectors,"
             " durability = \"full\" | \"normal\", store = an absolute folder |"
             " \"postgresql://...\", model = a model as --model names it, consolidate ="
             " \"on-demand\" | \"after-runs\"");
    }
  }
  if (settings.consolidates_after_runs && settings.model.empty()) {
    refuse_toml(file, node->source(), "consolidate = \"after-runs\" needs a model = \"NAME\"");
  }
  return settings;
}

}  // namespace corvid::runtime
