#pragma once
// What the repairs of one language need of it. A new language is one file in languages/ and one
// line in languages.inc.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tools/edits/lexer.h"

namespace corvid::tools::edits {

enum class Role : uint8_t;
class Source;
struct Context;
struct FileFacts;
struct Unit;
struct UnitFacts;

// Members are of static storage; functions never throw on any text.
struct Language {
  std::string_view name;                           // its tables are NAME.tables
  bool (*has_file)(std::string_view path);         // by the path's ending
  bool (*is_test_name)(std::string_view file_name);  // of a file that holds tests
  std::string_view comment;                        // what begins a comment that ends with its line

  Lexed (*lex)(std::string_view text, int first_line);  // first_line: the number of the first line
  bool (*is_keyword)(std::string_view word);
  bool (*is_value)(std::string_view word);  // a keyword that is a value: "None", "nullptr"
  bool (*leaves)(std::string_view word);    // a keyword whose statement leaves its block
  bool (*is_member)(std::string_view op);   // stands between an object and its member
  bool (*is_prefix)(std::string_view op);   // binds tighter than binary operators, before a value
  bool names_arguments = false;             // calls may have NAME=VALUE and *VALUES
  std::span<const std::string_view> arguments;  // that any call may lack
  std::span<const std::string_view> trailers;   // that any value may lack
  std::string_view negation;                // loose, before a condition: "not"; or empty
  int (*precedence)(std::string_view op);   // binding power of a binary operator as written, or 0

  std::vector<Unit> (*find_units)(const Source& source);
  std::vector<Role> (*find_roles)(const Source& source);  // one per token; units are known
  void (*read_file)(const Source& source, FileFacts& out);
  void (*read_unit)(const Source& source, const Unit& unit, const FileFacts& file, UnitFacts& out);
  std::span<void (*const)(const Context&)> generators;  // in this order
};

#define X(id, name) const Language& id##_language();
#include "tools/edits/languages/languages.inc"
#undef X

std::span<const Language* const> languages();
const Language& find_language(std::string_view name);           // throws not_found
const Language* language_of(std::string_view path);             // null where none has such files

}  // namespace corvid::tools::edits
