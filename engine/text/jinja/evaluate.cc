// Expressions.
#include <algorithm>
#include <optional>
#include <string>

#include "engine/text/jinja/interpreter.h"

namespace corvid::engine::jinja {

Value Interpreter::evaluate_node(const Node& node) {
  switch (node.kind) {
    case NodeKind::constant:
      // The subject of a block's filters is what the block rendered.
      return node.value.is_undefined() ? lookup("\x01" "block") : node.value;
    case NodeKind::name: return lookup(node.text);
    case NodeKind::list:
    case NodeKind::tuple: {
      std::vector<Value> items;
      for (const NodePtr& kid : node.kids) items.push_back(evaluate(*kid));
      return Value::list(std::move(items), node.kind == NodeKind::tuple);
    }
    case NodeKind::dict: {
      auto object = std::make_shared<DictObject>();
      for (size_t i = 0; i < node.kids.size(); i += 2) {
        const Value key = evaluate(*node.kids[i]);
        if (!key.is_string()) error("a dictionary's keys must be strings");
        object->set(key.string(), evaluate(*node.kids[i + 1]));
      }
      return Value(std::move(object));
    }
    case NodeKind::attribute: return attribute(evaluate(*node.kids[0]), node.text);
    case NodeKind::item: {
      const Value object = evaluate(*node.kids[0]);
      return item(object, evaluate(*node.kids[1]));
    }
    case NodeKind::slice: return slice(node);
    case NodeKind::call: return call_node(node, nullptr);
    case NodeKind::filter:
    case NodeKind::test: {
      const Value subject = evaluate(*node.kids[0]);
      weigh(subject);
      return node.function(*this, subject, arguments(node));
    }
    case NodeKind::negation: return !evaluate(*node.kids[0]).truth();
    case NodeKind::minus:
    case NodeKind::plus: {
      const Value value = evaluate(*node.kids[0]);
      if (!value.is_number()) error("bad operand type for unary operator");
      const bool minus = node.kind == NodeKind::minus;
      if (value.is_real()) return minus ? -value.real() : value.real();
      return arithmetic(minus ? "-" : "+", Value(0), value);
    }
    case NodeKind::binary: return binary(node);
    case NodeKind::compare: return compare(node);
    case NodeKind::logical_and: {
      Value left = evaluate(*node.kids[0]);
      return left.truth() ? evaluate(*node.kids[1]) : left;
    }
    case NodeKind::logical_or: {
      Value left = evaluate(*node.kids[0]);
      return left.truth() ? left : evaluate(*node.kids[1]);
    }
    case NodeKind::conditional:
      if (evaluate(*node.kids[1]).truth()) return evaluate(*node.kids[0]);
      return node.kids[2] ? evaluate(*node.kids[2]) : Value();
    default: error("not an expression");
  }
}

Args Interpreter::arguments(const Node& node) {
  Args args;
  for (const NodePtr& arg : node.args) args.positional.push_back(evaluate(*arg));
  for (const auto& [name, arg] : node.named) args.named.emplace_back(name, evaluate(*arg));
  return args;
}

Value Interpreter::call_node(const Node& node, const Value* caller) {
  const Value callee = evaluate(*node.kids[0]);
  Args args = arguments(node);
  if (caller) args.named.emplace_back("caller", *caller);
  return call(callee, args);
}

Value Interpreter::call(const Value& callee, const Args& args) {
  if (callee.is_undefined()) error("'" + callee.undefined_name() + "' is undefined");
  if (!callee.is_callable()) {
    error("'" + std::string(callee.type_name()) + "' object is not callable");
  }
  return callee.callable().call(*this, args);
}

Value Interpreter::attribute(const Value& object, std::string_view name) {
  if (object.is_undefined()) error("'" + object.undefined_name() + "' is undefined");
  if (Function method = find_method(object, name)) {
    return Value(std::make_shared<const Callable>(
        Callable{std::string(name), [object, method](Interpreter& interpreter, const Args& args) {
                   interpreter.weigh(object);
                   return method(interpreter, object, args);
                 }}));
  }
  if (object.is_dict()) {
    step(static_cast<int64_t>(object.dict().items.size() / 64));
    if (const Value* value = object.dict().find(name)) return *value;
  }
  return Value::undefined(name);
}

Value Interpreter::item(const Value& object, const Value& key) {
  if (object.is_undefined()) error("'" + object.undefined_name() + "' is undefined");
  if (key.is_string()) {
    if (object.is_dict()) {
      step(static_cast<int64_t>(object.dict().items.size() / 64));
      if (const Value* value = object.dict().find(key.string())) return *value;
    }
    return attribute(object, key.string());
  }
  if ((key.is_int() || key.is_bool()) && (object.is_list() || object.is_string())) {
    int64_t index = key.integer();
    if (object.is_list()) {
      const auto& items = object.list().items;
      if (index < 0) index += static_cast<int64_t>(items.size());
      if (index >= 0 && index < static_cast<int64_t>(items.size())) {
        return items[static_cast<size_t>(index)];
      }
    } else {
      step(static_cast<int64_t>(object.string().size()) / 64);
      const auto all = characters(object.string());
      if (index < 0) index += static_cast<int64_t>(all.size());
      if (index >= 0 && index < static_cast<int64_t>(all.size())) {
        return all[static_cast<size_t>(index)];
      }
    }
  }
  return Value::undefined("no element " + to_repr(key));
}

Value Interpreter::path(const Value& object, const Value& dotted) {
  if (!dotted.is_string()) return item(object, dotted);
  Value value = object;
  std::string_view rest = dotted.string();
  while (!rest.empty()) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    const bool number = !part.empty() && part.size() < 10 &&
                        part.find_first_not_of("0123456789") == std::string_view::npos;
    const Value key = number ? Value(int64_t{std::stoi(std::string(part))}) : Value(part);
    if (value.is_undefined()) return value;
    value = item(value, key);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  return value;
}

std::vector<Value> Interpreter::iterate(const Value& value) {
  std::vector<Value> items;
  if (value.is_list()) {
    items = value.list().items;
  } else if (value.is_mapping()) {
    for (const auto& [key, unused] : value.dict().items) items.emplace_back(key);
  } else if (value.is_string()) {
    for (std::string_view character : characters(value.string())) items.emplace_back(character);
  } else if (!value.is_undefined()) {
    error("'" + std::string(value.type_name()) + "' object is not iterable");
  }
  step(static_cast<int64_t>(items.size()));
  return items;
}

Value Interpreter::slice(const Node& node) {
  const Value object = evaluate(*node.kids[0]);
  if (object.is_undefined()) error("'" + object.undefined_name() + "' is undefined");
  if (!object.is_list() && !object.is_string()) return Value::undefined("slice");
  std::vector<Value> items;
  std::vector<std::string_view> pieces;
  if (object.is_list()) {
    items = object.list().items;
  } else {
    pieces = characters(object.string());
  }
  const auto count = static_cast<int64_t>(object.is_list() ? items.size() : pieces.size());
  step(count / 16);
  std::optional<int64_t> part[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!node.kids[i + 1]) continue;
    const Value value = evaluate(*node.kids[i + 1]);
    if (value.is_none()) continue;
    if (!value.is_int() && !value.is_bool()) error("slice indices must be integers");
    part[i] = value.integer();
  }
  const int64_t stride = part[2].value_or(1);
  if (stride == 0) error("slice step cannot be zero");
  const int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? count : count - 1;
  const auto bound = [&](std::optional<int64_t> wanted, int64_t otherwise) {
    if (!wanted) return otherwise;
    return std::clamp(*wanted < 0 ? *wanted + count : *wanted, low, high);
  };
  const int64_t begin = bound(part[0], stride > 0 ? low : high);
  const int64_t end = bound(part[1], stride > 0 ? high : low);
  std::vector<Value> chosen;
  std::string text;
  for (int64_t i = begin; stride > 0 ? i < end : i > end;) {
    if (object.is_list()) {
      chosen.push_back(items[static_cast<size_t>(i)]);
    } else {
      text += pieces[static_cast<size_t>(i)];
    }
    if (stride > count || stride < -count) break;
    i += stride;
  }
  charge(text.size());
  return object.is_list() ? Value::list(std::move(chosen), object.list().tuple)
                          : Value(std::move(text));
}

Value Interpreter::compare(const Node& node) {
  Value left = evaluate(*node.kids[0]);
  for (size_t i = 0; i < node.names.size(); ++i) {
    Value right = evaluate(*node.kids[i + 1]);
    const std::string& op = node.names[i];
    bool holds = false;
    if (op == "==") holds = equal(left, right);
    else if (op == "!=") holds = !equal(left, right);
    else if (op == "<") holds = less(left, right);
    else if (op == ">") holds = less(right, left);
    else if (op == "<=") holds = !less(right, left);
    else if (op == ">=") holds = !less(left, right);
    else holds = contains(right, left) == (op == "in");
    if (!holds) return false;
    left = std::move(right);
  }
  return true;
}

bool Interpreter::contains(const Value& container, const Value& needle) {
  if (container.is_string()) {
    if (!needle.is_string()) error("'in <string>' requires string as left operand");
    step(static_cast<int64_t>(container.string().size()) / 64);
    return container.string().find(needle.string()) != std::string::npos;
  }
  if (container.is_dict()) {
    step(static_cast<int64_t>(container.dict().items.size() / 64));
    return needle.is_string() && container.dict().find(needle.string()) != nullptr;
  }
  if (container.is_list()) {
    const auto& items = container.list().items;
    step(static_cast<int64_t>(items.size()));
    return std::any_of(items.begin(), items.end(),
                       [&](const Value& value) { return equal(value, needle); });
  }
  if (container.is_undefined()) return false;
  error("argument of type '" + std::string(container.type_name()) + "' is not iterable");
}

bool Interpreter::equal(const Value& a, const Value& b) {
  const bool same = jinja::equal(a, b, limits_.steps);
  step(0);
  return same;
}

bool Interpreter::less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    return a.is_real() || b.is_real() ? a.real() < b.real() : a.integer() < b.integer();
  }
  if (a.is_string() && b.is_string()) {
    step(static_cast<int64_t>(std::min(a.string().size(), b.string().size()) / 64));
    return a.string() < b.string();
  }
  if (a.is_list() && b.is_list()) {
    const auto& x = a.list().items;
    const auto& y = b.list().items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (!equal(x[i], y[i])) return less(x[i], y[i]);
    }
    return x.size() < y.size();
  }
  if (a.is_undefined()) error("'" + a.undefined_name() + "' is undefined");
  if (b.is_undefined()) error("'" + b.undefined_name() + "' is undefined");
  error("'<' not supported between instances of '" + std::string(a.type_name()) + "' and '" +
        std::string(b.type_name()) + "'");
}

}  // namespace corvid::engine::jinja
