#include "engine/chat.h"
#include "runtime/base/json.h"

namespace corvid::engine {

OrderedJson parse_ordered(std::string_view text) {
  if (try_parse_json(text).is_discarded()) return OrderedJson(OrderedJson::value_t::discarded);
  return OrderedJson::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace corvid::engine
