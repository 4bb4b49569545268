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

  // Without $ref, allOf, const and conditions.
  OrderedJson flat(const OrderedJson& schema);
  OrderedJson merge(const OrderedJson& a, const OrderedJson& b);

  // The schema as schemas of one type each; those with an `enum` may be of any. What cannot be
  // given is left out; an empty object stands for any value.
  Leaves leaves_of(const OrderedJson& schema);
  static std::string type_text(const OrderedJson& leaf);  // "": none, or several
  static std::string group(const OrderedJson& leaf);  // its type, integers as numbers

  // Annotations are known always.
  void check_keywords(const OrderedJson& schema,
                      std::initializer_list<std::string_view> known) const;
  // A whole number; bounds between two of them go inwards.
  int64_t whole(const OrderedJson& schema, const char* keyword, int64_t otherwise) const;
  int64_t multiple_of(const OrderedJson& schema) const;  // the smallest that is whole; 1: any
  DecimalBounds bounds(const OrderedJson& schema) const;
  // Whether a value of an enum is allowed by the keywords beside it.
  bool matches(const OrderedJson& schema, const OrderedJson& value) const;

  // What patterns and formats say together; nullopt: nothing. With the lengths: string_dfa.
  std::optional<Dfa> patterns(const OrderedJson& schema, Writing writing) const;
  Dfa string_dfa(const OrderedJson& schema, Writing writing) const;
  bool is_matched(const std::string& pattern, const std::string& text) const;
  static bool has_format(const OrderedJson& leaf);  // that says something
  Dfa combined(const Dfa& a, const Dfa& b, Dfa::Combine how) const;
  PatternError pattern_error(const std::string& pattern) const;

  // Of several numbers, the one that holds all others, if there is one.
  static Leaves without_narrower(const Leaves& leaves);
  // Of lists that have to contain something, those that begin with it: fewer than allowed.
  OrderedJson with_contained_first(OrderedJson schema);
  // What `patternProperties` say of a property beside `part`.
  OrderedJson with_patterns(const OrderedJson& schema, const std::string& name,
                            OrderedJson part) const;
  bool is_patterned(const OrderedJson& schema, const std::string& name) const;
  // Of properties that patterns name, those of the first pattern alone, or those of none.
  OrderedJson without_patterns(OrderedJson schema);

 private:
  Decimal step_of(const OrderedJson& schema) const;  // its multipleOf
  void add_leaves(const OrderedJson& schema, Leaves& leaves);
  void exclude_others(const OrderedJson& rest, const OrderedJson& parts, std::vector<Leaves>& all);
  bool are_apart(const Leaves& some, const Leaves& others);
  bool are_values_outside(const OrderedJson& values, const OrderedJson& leaf) const;
  bool never_fits(const OrderedJson& written, const OrderedJson& other);

  const ToolShape& shape_;
  std::shared_ptr<const OrderedJson> root_;
  bool refers_ = false;
  int compared_ = 0;  // schemas within schemas that are being compared
  int nested_ = 0;    // alternatives within alternatives that are being read
  int parts_ = 0;     // alternatives that were read
};

inline constexpr int64_t kWholeMax = 9007199254740991;  // 2^53 - 1: exact in every JSON reader

bool has_any(const OrderedJson& schema, std::initializer_list<const char*> names);

// As templates print it: ", " and ": " between, nothing escaped that need not be.
std::string json_text(const OrderedJson& value);

}  // namespace corvid::engine
