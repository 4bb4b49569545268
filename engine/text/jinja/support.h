#pragma once
// What the tables of filters, tests and methods share.

#include <string>
#include <string_view>

#include "engine/text/jinja/ast.h"

namespace corvid::engine::jinja {

struct Entry {
  std::string_view name;
  Function function;
};

template <typename Table>
Function find_entry(const Table& table, std::string_view name) {
  for (const Entry& entry : table) {
    if (entry.name == name) return entry.function;
  }
  return nullptr;
}

// ASCII letters only; other characters stay as they are.
std::string upper(std::string_view text);
std::string title(std::string_view text);
std::string capitalize(std::string_view text);

// Python's strip() family: `chars` nullptr is whitespace.
enum class Side { left, right, both };
std::string_view strip(std::string_view text, const std::string* chars, Side side);

std::string replace(Interpreter& in, const std::string& text, const Args& args);

// Arguments with a default; the wrong type is an error naming the argument.
std::string string_argument(Interpreter& in, const Args& args, size_t index, std::string_view name,
                            std::string_view otherwise);
int64_t int_argument(Interpreter& in, const Args& args, size_t index, std::string_view name,
                     int64_t otherwise);
bool bool_argument(const Args& args, size_t index, std::string_view name, bool otherwise);

}  // namespace corvid::engine::jinja
