#pragma once

#include <functional>
#include <string_view>

#include "engine/sample/schema_merge.h"

namespace corvid::engine {

// Keywords of our own, in which what a `not` says of single values is kept: none of these values,
// and no text in which one of these patterns matches. A schema that is read cannot use them.
inline constexpr const char* kNotEnum = "!enum";
inline constexpr const char* kNotPattern = "!pattern";

// Takes one of `not`, `if` with `then` and `else`, `dependentRequired` and `dependentSchemas` out
// of `schema` and gives in `instead` what stands for it, an anyOf of schemas without; false: it has
// none of them. `flat` resolves what is negated.
bool take_condition(OrderedJson& schema, OrderedJson& instead,
                    const std::function<OrderedJson(const OrderedJson&)>& flat,
                    const SchemaError& error);

// `unevaluatedProperties` and `unevaluatedItems`: taken out of a schema, put back as they were, and
// as `additionalProperties` and `items` once all that evaluates stands beside them.
bool has_unevaluated(const OrderedJson& schema);
OrderedJson take_unevaluated(OrderedJson& schema);
void put_unevaluated(const OrderedJson& taken, OrderedJson& schema);
void close_unevaluated(const OrderedJson& taken, OrderedJson& schema);

// Throws for keywords whose values are not of the kind that JSON Schema gives them.
void check_form(const OrderedJson& schema, const SchemaError& error);

// Every schema directly within one that has passed check_form(), with its place: "/properties/a".
void for_each_part(OrderedJson& schema,
                   const std::function<void(OrderedJson& part, const std::string& place)>& visit);

// Whether a keyword of JSON Schema says something of a value, rather than about the schema.
bool is_assertion(std::string_view keyword);

}  // namespace corvid::engine
