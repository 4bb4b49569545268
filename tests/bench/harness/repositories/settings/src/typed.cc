#include "settings/typed.h"

#include <charconv>

#include "settings/text.h"

namespace settings {
namespace {

int64_t number(std::string_view text, std::string_view key) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw ParseError(0, std::string(key) + " is no number: " + std::string(text));
  }
  return value;
}

}  // namespace

int64_t integer(const Document& document, std::string_view section, std::string_view key,
                int64_t otherwise) {
  const auto text = document.find(section, key);
  return text ? number(trim(*text), key) : otherwise;
}

bool flag(const Document& document, std::string_view section, std::string_view key,
          bool otherwise) {
  const auto text = document.find(section, key);
  if (!text) return otherwise;
  const std::string word = lower(trim(*text));
  if (word == "yes" || word == "true" || word == "on" || word == "1") return true;
  if (word == "no" || word == "false" || word == "off" || word == "0") return false;
  throw ParseError(0, std::string(key) + " is neither yes nor no: " + *text);
}

int64_t seconds(const Document& document, std::string_view section, std::string_view key,
                int64_t otherwise) {
  const auto text = document.find(section, key);
  if (!text) return otherwise;
  const std::string_view value = trim(*text);
  const size_t digits = value.find_first_not_of("0123456789");
  const int64_t count = number(value.substr(0, digits), key);
  if (digits == std::string_view::npos) return count;
  const std::string_view unit = trim(value.substr(digits));
  if (unit == "s") return count;
  if (unit == "min") return count * 60;
  if (unit == "h") return count * 3600;
  throw ParseError(0, std::string(key) + " has an unknown unit: " + std::string(unit));
}

}  // namespace settings
