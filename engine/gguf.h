#pragma once
// GGUF model files (version 2 and 3, little endian): a checked, memory-mapped reader and a writer.
// Format: ggml-org/ggml docs/gguf.md.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine {

// Ids as files store them. All are known by name and size; those with `evaluated` can be computed
// with.
enum class TensorType : uint32_t {
  f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q8_1 = 9, q2_k = 10,
  q3_k = 11, q4_k = 12, q5_k = 13, q6_k = 14, q8_k = 15, iq2_xxs = 16, iq2_xs = 17,
  iq3_xxs = 18, iq1_s = 19,
  iq4_nl = 20, iq3_s = 21, iq2_s = 22, iq4_xs = 23, i8 = 24, i16 = 25, i32 = 26, i64 = 27, f64 = 28,
  iq1_m = 29, bf16 = 30, tq1_0 = 34, tq2_0 = 35, mxfp4 = 39, nvfp4 = 40, q1_0 = 41, q2_0 = 42
};

struct TypeInfo {
  std::string_view name;       // "Q8_0"
  int32_t block_elements = 1;  // a row holds a whole number of blocks
  int32_t block_bytes = 0;
  bool evaluated = false;
};

// nullptr for an id that is not known.
const TypeInfo* find_type(uint32_t id);
const TypeInfo& type_info(TensorType type);

// One tensor of an open file. `shape` is in GGUF order, contiguous dimension first, padded with 1.
struct TensorView {
  std::string name;
  TensorType type = TensorType::f32;
  std::array<int64_t, 4> shape{1, 1, 1, 1};
  int dim_count = 0;
  const std::byte* data = nullptr;  // owned by the file
  int64_t bytes = 0;

  int64_t element_count() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
};

std::string shape_text(std::span<const int64_t> shape);  // "{96, 512}"

// An open file, immutable and thread-safe. Views and string_views stay valid as long as it lives.
class GgufFile {
 public:
  // Maps the file, with all others where it is the first of several parts. Throws not_found, io,
  // corrupt ("corrupt: FILE: WHAT at OFFSET"), unsupported for an unknown version or tensor type.
  static std::unique_ptr<GgufFile> open(const std::filesystem::path& path);
  // The same over bytes in memory, which are copied; `name` stands for FILE in errors.
  static std::unique_ptr<GgufFile> parse(std::span<const std::byte> bytes, const std::string& name);
  ~GgufFile();

  // Metadata. nullopt when the key is absent; throws corrupt when it holds another kind of value.
  // Integers of any width widen to int64_t; real() accepts integers; where an array is asked for, a
  // single value is an array of one.
  std::optional<int64_t> integer(std::string_view key) const;
  std::optional<double> real(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> string(std::string_view key) const;
  std::optional<std::vector<int64_t>> int_array(std::string_view key) const;
  std::optional<std::vector<double>> real_array(std::string_view key) const;
  std::optional<std::vector<bool>> bool_array(std::string_view key) const;
  std::optional<std::vector<std::string>> string_array(std::string_view key) const;
  bool has(std::string_view key) const;
  bool is_mapped() const;  // by open(): the system can read its pages again
  bool is_array(std::string_view key) const;
  std::vector<std::string> keys() const;                 // in file order
  std::string value_text(std::string_view key) const;    // for people; arrays are cut short
  // The value with its type as it stands in the file; empty when the key is absent.
  std::span<const std::byte> value_bytes(std::string_view key) const;

  const std::vector<TensorView>& tensors() const;        // in file order
  const TensorView* tensor(std::string_view name) const; // nullptr: absent

  const std::string& path() const;
  int64_t file_bytes() const;
  // 64 hexadecimal digits over metadata, tensor table and pieces of every tensor's data, the same
  // for the same file anywhere.
  std::string data_hash() const;

  // Throws corrupt "corrupt: FILE: WHAT at OFFSET", the offset being that of the tensor's or the
  // key's entry; of the end of the tensor table where `about` names neither.
  [[noreturn]] void damaged(const std::string& what, std::string_view about = {}) const;

 private:
  struct Impl;
  explicit GgufFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Collects metadata and tensors and writes a version 3 file. Keys and tensors are written in the
// order in which they were first set.
class GgufWriter {
 public:
  GgufWriter();
  ~GgufWriter();
  void set_integer(const std::string& key, int64_t value);  // u32 where it fits, else i64
  void set_real(const std::string& key, double value);      // f32
  void set_boolean(const std::string& key, bool value);
  void set_string(const std::string& key, std::string_view value);
  void set_int_array(const std::string& key, std::span<const int64_t> values);  // i32, else i64
  void set_real_array(const std::string& key, std::span<const double> values);  // f32
  void set_bool_array(const std::string& key, const std::vector<bool>& values);
  void set_string_array(const std::string& key, std::span<const std::string> values);
  // Copies one value as it stands in an open file.
  void copy_value(const GgufFile& file, std::string_view key);

  // `bytes` are copied; their number must be what type and shape say, else throws invalid.
  void add_tensor(const std::string& name, TensorType type, std::span<const int64_t> shape,
                  std::span<const std::byte> bytes);
  // The same with bytes that `make` makes whenever the file is written, so that no more than one
  // tensor's are in memory; what it throws goes to who writes. Returns their number.
  using MakeBytes = std::function<std::vector<std::byte>()>;
  int64_t add_tensor(const std::string& name, TensorType type, std::span<const int64_t> shape,
                     MakeBytes make);

  std::string bytes() const;                             // the whole file
  void write(const std::filesystem::path& path) const;   // atomically; throws io

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::engine
