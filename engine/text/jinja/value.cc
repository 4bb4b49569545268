#include "engine/text/jinja/value.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace corvid::engine::jinja {

const Value* DictObject::find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    if (name == key) return &value;
  }
  return nullptr;
}

void DictObject::set(std::string_view key, Value value) {
  for (auto& [name, old] : items) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  items.emplace_back(std::string(key), std::move(value));
}

bool DictObject::erase(std::string_view key) {
  return std::erase_if(items, [&](const auto& item) { return item.first == key; }) > 0;
}

Value Value::list(std::vector<Value> items, bool tuple) {
  auto object = std::make_shared<ListObject>();
  object->items = std::move(items);
  object->tuple = tuple;
  return Value(std::move(object));
}

int64_t Value::integer() const {
  return is_bool() ? int64_t{boolean()} : std::get<int64_t>(data_);
}

double Value::real() const {
  return is_real() ? std::get<double>(data_) : static_cast<double>(integer());
}

bool Value::truth() const {
  if (is_bool()) return boolean();
  if (is_int()) return integer() != 0;
  if (is_real()) return real() != 0;
  if (is_string()) return !string().empty();
  if (is_list()) return !list().items.empty();
  if (is_dict()) return dict().is_namespace || !dict().items.empty();
  return is_callable();
}

bool Value::same_object(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_list()) return list_ptr() == other.list_ptr();
  if (is_dict()) return dict_ptr() == other.dict_ptr();
  if (is_string()) return string() == other.string();
  int64_t steps = 1;
  return equal(*this, other, steps);
}

std::string_view Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_real()) return "float";
  if (is_string()) return "str";
  if (is_list()) return list().tuple ? "tuple" : "list";
  if (is_dict()) return dict().is_namespace ? "Namespace" : "dict";
  return "function";
}

const Value* Args::get(size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

namespace {

bool equal_at(const Value& a, const Value& b, int64_t& steps, int depth) {
  if (--steps < 0) return false;
  if (depth > 64) fail(Code::invalid, "chat template: values are nested too deeply");
  if (a.is_number() && b.is_number()) {
    return a.is_real() || b.is_real() ? a.real() == b.real() : a.integer() == b.integer();
  }
  if (a.is_string()) {
    if (!b.is_string() || a.string().size() != b.string().size()) return false;
    steps -= static_cast<int64_t>(a.string().size() / 64);
    return steps >= 0 && a.string() == b.string();
  }
  if (a.is_none()) return b.is_none();
  if (a.is_undefined()) return b.is_undefined();
  if (a.is_list() && b.is_list()) {
    const auto& x = a.list().items;
    const auto& y = b.list().items;
    return a.list().tuple == b.list().tuple &&
           std::equal(x.begin(), x.end(), y.begin(), y.end(), [&](const Value& l, const Value& r) {
             return equal_at(l, r, steps, depth + 1);
           });
  }
  if (a.is_mapping() && b.is_mapping()) {
    const auto& x = a.dict().items;
    if (x.size() != b.dict().items.size()) return false;
    steps -= static_cast<int64_t>(x.size() * x.size() / 64);
    return std::all_of(x.begin(), x.end(), [&](const auto& item) {
      const Value* other = b.dict().find(item.first);
      return other && equal_at(item.second, *other, steps, depth + 1);
    });
  }
  if (a.is_dict() && b.is_dict()) return a.dict_ptr() == b.dict_ptr();
  return a.is_callable() && b.is_callable() && &a.callable() == &b.callable();
}

}  // namespace

bool equal(const Value& a, const Value& b, int64_t& steps) { return equal_at(a, b, steps, 0); }

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> result;
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    result.push_back(text.substr(at, end - at));
    at = end;
  }
  return result;
}

int64_t character_count(std::string_view text) {
  bool first = true;
  int64_t count = 0;
  for (char c : text) {
    count += first || (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    first = false;
  }
  return count;
}

}  // namespace corvid::engine::jinja
