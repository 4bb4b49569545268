#pragma once
// Values of the template language, with the semantics of Python's.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace corvid::engine::jinja {

class Interpreter;
class Value;
struct Args;

struct Undefined {
  std::string name;  // what was looked for
};
struct None {};

struct ListObject {
  std::vector<Value> items;
  bool tuple = false;
};

// Insertion-ordered; also a namespace() object and the `loop` variable.
struct DictObject {
  std::vector<std::pair<std::string, Value>> items;
  bool is_namespace = false;
  const Value* find(std::string_view key) const;
  void set(std::string_view key, Value value);
  bool erase(std::string_view key);
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, const Args&)> call;
};

using StringPtr = std::shared_ptr<const std::string>;
using ListPtr = std::shared_ptr<ListObject>;
using DictPtr = std::shared_ptr<DictObject>;
using CallablePtr = std::shared_ptr<const Callable>;

class Value {
 public:
  Value() : data_(Undefined{}) {}
  Value(None) : data_(None{}) {}
  Value(bool v) : data_(v) {}
  Value(int64_t v) : data_(v) {}
  Value(int v) : data_(int64_t{v}) {}
  Value(double v) : data_(v) {}
  Value(std::string v) : data_(std::make_shared<const std::string>(std::move(v))) {}
  Value(std::string_view v) : Value(std::string(v)) {}
  Value(const char* v) : Value(std::string(v)) {}
  Value(ListPtr v) : data_(std::move(v)) {}
  Value(DictPtr v) : data_(std::move(v)) {}
  Value(CallablePtr v) : data_(std::move(v)) {}
  static Value undefined(std::string_view name) {
    Value value;
    value.data_ = Undefined{std::string(name)};
    return value;
  }
  static Value list(std::vector<Value> items, bool tuple = false);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<int64_t>(data_); }
  bool is_real() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_int() || is_real(); }
  bool is_string() const { return std::holds_alternative<StringPtr>(data_); }
  bool is_list() const { return std::holds_alternative<ListPtr>(data_); }
  bool is_dict() const { return std::holds_alternative<DictPtr>(data_); }
  bool is_mapping() const { return is_dict() && !dict().is_namespace; }
  bool is_callable() const { return std::holds_alternative<CallablePtr>(data_); }

  bool boolean() const { return std::get<bool>(data_); }
  int64_t integer() const;  // of a bool or an integer
  double real() const;      // of any number
  const std::string& string() const { return *std::get<StringPtr>(data_); }
  ListObject& list() const { return *std::get<ListPtr>(data_); }
  const ListPtr& list_ptr() const { return std::get<ListPtr>(data_); }
  DictObject& dict() const { return *std::get<DictPtr>(data_); }
  const DictPtr& dict_ptr() const { return std::get<DictPtr>(data_); }
  const Callable& callable() const { return *std::get<CallablePtr>(data_); }
  const std::string& undefined_name() const { return std::get<Undefined>(data_).name; }

  bool truth() const;
  bool same_object(const Value& other) const;
  std::string_view type_name() const;  // Python's

 private:
  std::variant<Undefined, None, bool, int64_t, double, StringPtr, ListPtr, DictPtr, CallablePtr>
      data_;
};

// What a call, filter or test is given.
struct Args {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  // By position or by name; nullptr: not given.
  const Value* get(size_t index, std::string_view name) const;
};

struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  int indent = -1;  // -1: one line
  std::string item_separator = ", ", key_separator = ": ";
};

// These throw invalid for values nested deeper than 64, or whose text is larger than kTextMax.
inline constexpr size_t kTextMax = size_t{16} << 20;
std::string to_text(const Value& value);  // Python's str()
std::string to_repr(const Value& value);  // Python's repr()
std::string to_json(const Value& value, const JsonStyle& style);
// Takes off `steps` what is looked at, and gives up (false) below 0.
bool equal(const Value& a, const Value& b, int64_t& steps);

std::string python_float(double value);

// Strings are sequences of code points.
std::vector<std::string_view> characters(std::string_view text);
int64_t character_count(std::string_view text);

}  // namespace corvid::engine::jinja
