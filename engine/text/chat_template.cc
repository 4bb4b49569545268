#include "engine/chat.h"

#include "engine/text/jinja/interpreter.h"
#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::engine {

namespace {

using jinja::Value;

template <typename AnyJson>
Value to_value(const AnyJson& json, int depth = 0) {
  if (depth > kJsonDepthMax) fail(Code::invalid, "chat context is nested too deeply");
  switch (json.type()) {
    case nlohmann::detail::value_t::boolean: return json.template get<bool>();
    case nlohmann::detail::value_t::number_unsigned:
    case nlohmann::detail::value_t::number_integer: return json.template get<int64_t>();
    case nlohmann::detail::value_t::number_float: return json.template get<double>();
    case nlohmann::detail::value_t::string:
      return json.template get_ref<const std::string&>();
    case nlohmann::detail::value_t::array: {
      std::vector<Value> items;
      for (const AnyJson& item : json) items.push_back(to_value(item, depth + 1));
      return Value::list(std::move(items));
    }
    case nlohmann::detail::value_t::object: {
      auto object = std::make_shared<jinja::DictObject>();
      for (const auto& [key, item] : json.items()) {
        object->items.emplace_back(key, to_value(item, depth + 1));
      }
      return Value(std::move(object));
    }
    default: return jinja::None{};
  }
}

template <typename AnyJson>
jinja::DictObject to_context(const AnyJson& json) {
  if (!json.is_object()) fail(Code::invalid, "chat context is not an object");
  return to_value(json).dict();
}

}  // namespace

struct ChatTemplate::Impl {
  jinja::NodePtr root;
};

ChatTemplate::ChatTemplate(std::string source) : impl_(std::make_unique<Impl>()) {
  impl_->root = jinja::parse(source);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const Json& context) const {
  return jinja::Interpreter(jinja::Limits{}).render(*impl_->root, to_context(context));
}

std::string ChatTemplate::render(const OrderedJson& context) const {
  return jinja::Interpreter(jinja::Limits{}).render(*impl_->root, to_context(context));
}

}  // namespace corvid::engine
