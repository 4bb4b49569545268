#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/files/byte_reader.h"
#include "engine/files/gguf_format.h"

namespace corvid::engine {

// The key-value part of a GGUF file. Values stay as bytes of the file, checked once by add() and
// decoded when asked for. The getters' contract is GgufFile's; `name` stands for the file in
// errors.
class Metadata {
 public:
  struct Value {
    ValueType type = ValueType::u8;
    ValueType element = ValueType::u8;  // of an array
    uint64_t count = 1;
    uint64_t offset = 0;                // of the value's type, in the file
    std::span<const std::byte> bytes;   // type and value as they stand in the file
    std::span<const std::byte> payload; // the value, or the elements of an array
  };

  // Reads and checks the value at `in`; false when `key` is there already.
  bool add(std::string_view key, ByteReader& in);

  const Value* find(std::string_view key) const;
  uint64_t offset(std::string_view key) const;  // 0: absent
  std::vector<std::string> keys() const;

  std::optional<int64_t> integer(std::string_view key, const std::string& name) const;
  std::optional<double> real(std::string_view key, const std::string& name) const;
  std::optional<bool> boolean(std::string_view key, const std::string& name) const;
  std::optional<std::string> string(std::string_view key, const std::string& name) const;
  std::optional<std::vector<int64_t>> int_array(std::string_view key,
                                                const std::string& name) const;
  std::optional<std::vector<double>> real_array(std::string_view key,
                                                const std::string& name) const;
  std::optional<std::vector<bool>> bool_array(std::string_view key, const std::string& name) const;
  std::optional<std::vector<std::string>> string_array(std::string_view key,
                                                       const std::string& name) const;
  std::string value_text(std::string_view key, const std::string& name) const;

 private:
  std::vector<std::string> order_;
  std::unordered_map<std::string, Value> values_;
};

}  // namespace corvid::engine
