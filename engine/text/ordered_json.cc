#include "engine/chat.h"
#include "runtime/base/json.h"

namespace corvid::engine {

OrderedJson parse_ordered(std::string_view text) {
  return OrderedJson::parse(text.begin(), text.end(), nullptr, false);
}

}  // namespace corvid::engine
