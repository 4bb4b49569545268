#include "engine/chat.h"
#include "runtime/base/json.h"

namespace corvid::engine {

OrderedJson parse_ordered(std::string_view text) {
  if (json_too_deep_at(text, kJsonDepthMax) != std::string_view::npos) {
    return OrderedJson(OrderedJson::value_t::discarded);
  }
  return OrderedJson::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace corvid::engine
