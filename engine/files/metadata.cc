#include "engine/files/metadata.h"

#include <algorithm>
#include <limits>

#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr int kDepthMax = 4;

void skip_elements(ByteReader& in, ValueType type, uint64_t count, int depth);

void skip_value(ByteReader& in, ValueType type, int depth) {
  if (type == ValueType::string) {
    in.read_string("string value");
  } else if (type == ValueType::array) {
    if (depth >= kDepthMax) in.damaged("arrays nested too deep");
    const auto element = static_cast<ValueType>(in.read<uint32_t>("element type"));
    const uint64_t count = in.read<uint64_t>("element count");
    skip_elements(in, element, count, depth + 1);
  } else {
    const int64_t size = value_bytes(type);
    if (size == 0) {
      in.damaged("unknown value type " + std::to_string(static_cast<uint32_t>(type)));
    }
    in.take(static_cast<uint64_t>(size), "value");
  }
}

void skip_elements(ByteReader& in, ValueType type, uint64_t count, int depth) {
  const auto size = static_cast<uint64_t>(value_bytes(type));
  if (size > 0) {
    if (count > in.left() / size) in.damaged("array runs past the end of the file");
    in.take(count * size, "array");
    return;
  }
  if (type != ValueType::string && type != ValueType::array) {
    in.damaged("unknown element type " + std::to_string(static_cast<uint32_t>(type)));
  }
  if (count > in.left() / 8) in.damaged("array runs past the end of the file");
  for (uint64_t i = 0; i < count; ++i) skip_value(in, type, depth);
}

[[noreturn]] void wrong_kind(std::string_view key, const Metadata::Value& value, const char* wanted,
                             const std::string& name) {
  fail(Code::corrupt, "corrupt: " + name + ": key '" + printable(key) + "' is not " + wanted +
                          " at " + std::to_string(value.offset));
}

std::optional<int64_t> read_integer(ByteReader& in, ValueType type) {
  switch (type) {
    case ValueType::u8: return in.read<uint8_t>("value");
    case ValueType::i8: return in.read<int8_t>("value");
    case ValueType::u16: return in.read<uint16_t>("value");
    case ValueType::i16: return in.read<int16_t>("value");
    case ValueType::u32: return in.read<uint32_t>("value");
    case ValueType::i32: return in.read<int32_t>("value");
    case ValueType::i64: return in.read<int64_t>("value");
    case ValueType::u64: {
      const uint64_t value = in.read<uint64_t>("value");
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default: return std::nullopt;
  }
}

std::optional<double> read_real(ByteReader& in, ValueType type) {
  if (type == ValueType::f32) return in.read<float>("value");
  if (type == ValueType::f64) return in.read<double>("value");
  const std::optional<int64_t> value = read_integer(in, type);
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

std::optional<bool> read_boolean(ByteReader& in, ValueType type) {
  if (type == ValueType::boolean) return in.read<uint8_t>("value") != 0;
  return std::nullopt;
}

std::optional<std::string> read_text(ByteReader& in, ValueType type) {
  if (type != ValueType::string) return std::nullopt;
  return std::string(in.read_string("string value"));
}

// Decodes every element with `read`; a single value is an array of one.
template <typename T, typename Read>
std::vector<T> read_all(std::string_view key, const Metadata::Value& value, const std::string& name,
                        const char* wanted, Read read) {
  const bool is_array = value.type == ValueType::array;
  ByteReader in(value.payload, name);
  std::vector<T> result;
  result.reserve(is_array ? value.count : 1);
  for (uint64_t i = 0; i < (is_array ? value.count : 1); ++i) {
    auto element = read(in, is_array ? value.element : value.type);
    if (!element) wrong_kind(key, value, wanted, name);
    result.push_back(std::move(*element));
  }
  return result;
}

}  // namespace

bool Metadata::add(std::string_view key, ByteReader& in) {
  Value value;
  value.offset = in.offset();
  const std::byte* begin = in.take(0, "value");
  value.type = static_cast<ValueType>(in.read<uint32_t>("value type"));
  const std::byte* payload = in.take(0, "value");
  if (value.type == ValueType::array) {
    value.element = static_cast<ValueType>(in.read<uint32_t>("element type"));
    value.count = in.read<uint64_t>("element count");
    payload = in.take(0, "value");
    skip_elements(in, value.element, value.count, 1);
  } else {
    skip_value(in, value.type, 0);
  }
  const std::byte* end = in.take(0, "value");
  value.bytes = {begin, end};
  value.payload = {payload, end};
  order_.emplace_back(key);
  return values_.emplace(std::string(key), value).second;
}

const Metadata::Value* Metadata::find(std::string_view key) const {
  const auto found = values_.find(std::string(key));
  return found == values_.end() ? nullptr : &found->second;
}

uint64_t Metadata::offset(std::string_view key) const {
  const Value* value = find(key);
  return value == nullptr ? 0 : value->offset;
}

std::vector<std::string> Metadata::keys() const { return order_; }

std::optional<int64_t> Metadata::integer(std::string_view key, const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  ByteReader in(value->payload, name);
  const auto result = read_integer(in, value->type);
  if (!result) wrong_kind(key, *value, "an integer of 63 bits", name);
  return result;
}

std::optional<double> Metadata::real(std::string_view key, const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  ByteReader in(value->payload, name);
  const auto result = read_real(in, value->type);
  if (!result) wrong_kind(key, *value, "a number", name);
  return result;
}

std::optional<bool> Metadata::boolean(std::string_view key, const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  ByteReader in(value->payload, name);
  const auto result = read_boolean(in, value->type);
  if (!result) wrong_kind(key, *value, "a boolean", name);
  return result;
}

std::optional<std::string> Metadata::string(std::string_view key, const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  ByteReader in(value->payload, name);
  auto result = read_text(in, value->type);
  if (!result) wrong_kind(key, *value, "a string", name);
  return result;
}

std::optional<std::vector<int64_t>> Metadata::int_array(std::string_view key,
                                                        const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return read_all<int64_t>(key, *value, name, "an array of integers", read_integer);
}

std::optional<std::vector<double>> Metadata::real_array(std::string_view key,
                                                        const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return read_all<double>(key, *value, name, "an array of numbers", read_real);
}

std::optional<std::vector<bool>> Metadata::bool_array(std::string_view key,
                                                      const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return read_all<bool>(key, *value, name, "an array of booleans", read_boolean);
}

std::optional<std::vector<std::string>> Metadata::string_array(std::string_view key,
                                                               const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return read_all<std::string>(key, *value, name, "an array of strings", read_text);
}

std::string Metadata::value_text(std::string_view key, const std::string& name) const {
  const Value* value = find(key);
  if (value == nullptr) return "";
  const bool is_array = value->type == ValueType::array;
  const ValueType type = is_array ? value->element : value->type;
  constexpr uint64_t kShown = 8;
  ByteReader in(value->payload, name);
  std::string text;
  for (uint64_t i = 0; i < std::min(value->count, kShown); ++i) {
    if (i > 0) text += ", ";
    if (type == ValueType::string) {
      text += printable(truncate_utf8(to_utf8(in.read_string("string value")), 200));
    } else if (type == ValueType::boolean) {
      text += *read_boolean(in, type) ? "true" : "false";
    } else if (type == ValueType::f32 || type == ValueType::f64) {
      std::string number = std::to_string(*read_real(in, type));
      text += number;
    } else if (type == ValueType::array) {
      text += "[...]";
    } else {
      const auto integer = read_integer(in, type);
      text += integer ? std::to_string(*integer) : "(more than 63 bits)";
    }
  }
  if (!is_array) return text;
  if (value->count > kShown) text += ", ... " + std::to_string(value->count) + " in all";
  return "[" + text + "]";
}

}  // namespace corvid::engine
