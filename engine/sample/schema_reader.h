#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/chat.h"
#include "engine/constraint.h"
#include "engine/sample/decimal.h"
#include "engine/sample/pattern.h"

namespace corvid::engine {

// Reads the keywords of a tool's JSON Schema (draft 2020-12). Throws invalid, naming the tool.
class SchemaReader {
 public:
  using Leaves = std::vector<OrderedJson>;

  explicit SchemaReader(const ToolShape& shape);

  const OrderedJson& root() const { return *root_; }
  bool refers() const { return refers_; }  // a $ref was followed
  [[noreturn]] void error(const std::string& what) const;

  // Without $ref, allOf and const.
  OrderedJson flat(const OrderedJson& schema);
  OrderedJson merge(const OrderedJson& a, const OrderedJson& b);

  // The schema as schemas of one type each; those with an `enum` may be of any. What cannot be
  // given is left out; an empty object stands for any value.
  Leaves leaves_of(const OrderedJson& schema);
  static std::string group(const OrderedJson& leaf);  // its type, integers as numbers

  // Annotations are known always.
  void check_keywords(const OrderedJson& schema,
                      std::initializer_list<std::string_view> known) const;
  // A whole number; bounds between two of them go inwards.
  int64_t whole(const OrderedJson& schema, const char* keyword, int64_t otherwise) const;
  int64_t multiple_of(const OrderedJson& schema) const;
  DecimalBounds bounds(const OrderedJson& schema) const;
  // Whether a value of an enum is allowed by the keywords beside it.
  bool matches(const OrderedJson& schema, const OrderedJson& value) const;

  // What patterns and formats say together; nullopt: nothing. With the lengths: string_dfa.
  std::optional<Dfa> patterns(const OrderedJson& schema, Writing writing) const;
  Dfa string_dfa(const OrderedJson& schema, Writing writing) const;
  Dfa combined(const Dfa& a, const Dfa& b, Dfa::Combine how) const;
  PatternError pattern_error(const std::string& pattern) const;

 private:
  void add_leaves(const OrderedJson& schema, Leaves& leaves);
  void check_apart(const Leaves& leaves) const;

  const ToolShape& shape_;
  std::shared_ptr<const OrderedJson> root_;
  bool refers_ = false;
};

inline constexpr int64_t kWholeMax = 9007199254740991;  // 2^53 - 1: exact in every JSON reader

bool has_any(const OrderedJson& schema, std::initializer_list<const char*> names);

// As templates print it: ", " and ": " between, nothing escaped that need not be.
std::string json_text(const OrderedJson& value);

}  // namespace corvid::engine
