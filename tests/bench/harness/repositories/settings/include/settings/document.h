#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace settings {

struct ParseError : std::runtime_error {
  ParseError(int line, const std::string& what)
      : std::runtime_error("line " + std::to_string(line) + ": " + what), line(line) {}
  int line;
};

// Sections in the order of the text; keys are compared in lower case, later ones win.
class Document {
 public:
  static Document parse(std::string_view text);

  std::optional<std::string> find(std::string_view section, std::string_view key) const;
  void set(std::string_view section, std::string_view key, std::string_view value);
  bool remove(std::string_view section, std::string_view key);
  std::vector<std::string> sections() const;
  std::string to_text() const;

 private:
  struct Section {
    std::string name;
    std::map<std::string, std::string> values;
  };
  Section& section(std::string_view name);
  std::vector<Section> sections_;
};

}  // namespace settings
