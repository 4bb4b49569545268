#include "settings/document.h"

#include "settings/text.h"

namespace settings {

Document Document::parse(std::string_view text) {
  Document document;
  std::string current;
  int number = 0;
  for (const std::string& raw : split(text, '\n')) {
    ++number;
    const std::string_view line = trim(raw);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      if (line.back() != ']') throw ParseError(number, "a section without its end");
      current = std::string(trim(line.substr(1, line.size() - 2)));
      document.section(current);
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos) throw ParseError(number, "neither key nor section");
    const std::string key = lower(trim(line.substr(0, equals)));
    if (key.empty()) throw ParseError(number, "a value without a key");
    document.section(current).values[key] = unquote(trim(line.substr(equals + 1)));
  }
  return document;
}

Document::Section& Document::section(std::string_view name) {
  for (Section& section : sections_) {
    if (section.name == name) return section;
  }
  sections_.push_back({std::string(name), {}});
  return sections_.back();
}

std::optional<std::string> Document::find(std::string_view section, std::string_view key) const {
  for (const Section& known : sections_) {
    if (known.name != section) continue;
    const auto found = known.values.find(lower(key));
    if (found != known.values.end()) return found->second;
  }
  return std::nullopt;
}

void Document::set(std::string_view name, std::string_view key, std::string_view value) {
  section(name).values[lower(key)] = std::string(value);
}

bool Document::remove(std::string_view name, std::string_view key) {
  return section(name).values.erase(lower(key)) > 0;
}

std::vector<std::string> Document::sections() const {
  std::vector<std::string> names;
  for (const Section& section : sections_) {
    if (!section.name.empty()) names.push_back(section.name);
  }
  return names;
}

std::string Document::to_text() const {
  std::string text;
  for (const Section& section : sections_) {
    if (!section.name.empty()) text += "[" + section.name + "]\n";
    for (const auto& [key, value] : section.values) {
      const bool needs_quotes = trim(value) != value || value.find('"') != std::string::npos;
      text += key + " = " + (needs_quotes ? quote(value) : value) + "\n";
    }
  }
  return text;
}

}  // namespace settings
