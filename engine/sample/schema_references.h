#pragma once

#include "engine/chat.h"

namespace corvid::engine {

// Writes every $ref and $dynamicRef whose target lies in the document, by $id and $anchor too, as a
// $ref with a JSON pointer from its root. What lies elsewhere, and a $dynamicRef whose target
// depends on how it is reached, stay as they are. `root` has passed check_form().
void localise_references(OrderedJson& root);

}  // namespace corvid::engine
