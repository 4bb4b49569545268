#pragma once

#include <functional>
#include <string>

#include "engine/chat.h"

namespace corvid::engine {

// What a schema says is wrong with it; throws.
using SchemaError = std::function<void(const std::string& what)>;

// The schema that allows what both allow. What cannot be merged keyword by keyword (several
// patterns, formats, values of one property) is left as an allOf with the parts; true and false
// count as schemas. Calls `error` for keywords that contradict each other undecidably.
OrderedJson merge_schemas(const OrderedJson& a, const OrderedJson& b, const SchemaError& error);

// `schema` without its $ref, allOf, const and conditions (see schema_logic.h), the references
// followed in `root`, which sets `refers`. `unevaluated...` is left where there are alternatives.
OrderedJson flat_schema(const OrderedJson& schema, const OrderedJson& root, bool& refers,
                        const SchemaError& error);

}  // namespace corvid::engine
