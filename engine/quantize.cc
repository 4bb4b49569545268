#include "engine/quantize.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>

#include "engine/backends/common/dequantize.h"
#include "runtime/base/error.h"

namespace corvid::engine {

namespace {

constexpr int kPart = 32;

uint8_t* bytes_at(std::byte* block, int at) { return reinterpret_cast<uint8_t*>(block) + at; }

float put_half(std::byte* block, int at, float value) {
  const uint16_t bits = float_to_half(value);
  std::memcpy(block + at, &bits, sizeof bits);
  return half_to_float(bits);
}

int level(float value, float inverse, int low, int high) {
  return std::clamp(static_cast<int>(std::lround(value * inverse)), low, high);
}

// The scale d of which d * q, with q in [-levels, levels - 1], comes nearest to the values.
float best_scale(std::span<const float> x, int levels) {
  float largest = 0;
  for (const float value : x) {
    if (std::fabs(value) > std::fabs(largest)) largest = value;
  }
  if (std::fabs(largest) < 1e-30f) return 0;
  double best = -1;
  float found = 0;
  for (int i = -9; i <= 9; ++i) {
    const float inverse = -(static_cast<float>(levels) + 0.1f * static_cast<float>(i)) / largest;
    double xq = 0, qq = 0;
    for (const float value : x) {
      const int q = level(value, inverse, -levels, levels - 1);
      xq += double(value) * q;
      qq += double(q) * q;
    }
    if (qq == 0 || xq * xq / qq <= best) continue;
    best = xq * xq / qq;
    found = static_cast<float>(xq / qq);
  }
  return found;
}

// scale and min of which scale * q - min, with q in [0, 15], comes near to the values; min >= 0.
struct Affine {
  float scale = 0, min = 0;
};

double affine_error(std::span<const float> x, Affine a) {
  double error = 0;
  for (const float value : x) {
    const int q = a.scale > 0 ? level(value + a.min, 1 / a.scale, 0, 15) : 0;
    const double gap = double(a.scale) * q - a.min - value;
    error += gap * gap;
  }
  return error;
}

Affine best_affine(std::span<const float> x) {
  const float low = std::min(0.0f, *std::min_element(x.begin(), x.end()));
  const float high = *std::max_element(x.begin(), x.end());
  if (high - low < 1e-30f) return {0, -low};
  Affine best{(high - low) / 15, -low};
  double error = affine_error(x, best);
  for (int i = -10; i <= 10; ++i) {
    const float inverse = (15 + 0.1f * static_cast<float>(i)) / (high - low);
    double n = 0, q1 = 0, q2 = 0, x1 = 0, xq = 0;
    for (const float value : x) {
      const int q = level(value - low, inverse, 0, 15);
      n += 1;
      q1 += q;
      q2 += double(q) * q;
      x1 += value;
      xq += double(value) * q;
    }
    const double determinant = n * q2 - q1 * q1;
    if (determinant <= 0) continue;
    Affine next{static_cast<float>((n * xq - q1 * x1) / determinant),
                static_cast<float>((q1 * xq - q2 * x1) / determinant)};
    if (next.min < 0) next = {static_cast<float>(xq / q2), 0};
    if (next.scale <= 0) continue;
    if (const double found = affine_error(x, next); found < error) {
      error = found;
      best = next;
    }
  }
  return best;
}

float inverse_of(float value) { return value == 0 ? 0 : 1 / value; }

void pack_q4_0(const float* x, std::byte* block) {
  const float inverse = inverse_of(put_half(block, 0, best_scale({x, kPart}, 8)));
  for (int j = 0; j < 16; ++j) {
    const int low = level(x[j], inverse, -8, 7) + 8, high = level(x[j + 16], inverse, -8, 7) + 8;
    *bytes_at(block, 2 + j) = static_cast<uint8_t>(low | high << 4);
  }
}

void pack_q5_0(const float* x, std::byte* block) {
  const float inverse = inverse_of(put_half(block, 0, best_scale({x, kPart}, 16)));
  uint32_t fifth = 0;
  for (int j = 0; j < 16; ++j) {
    const int low = level(x[j], inverse, -16, 15) + 16;
    const int high = level(x[j + 16], inverse, -16, 15) + 16;
    *bytes_at(block, 6 + j) = static_cast<uint8_t>((low & 15) | (high & 15) << 4);
    fifth |= static_cast<uint32_t>(low >> 4) << j | static_cast<uint32_t>(high >> 4) << (j + 16);
  }
  std::memcpy(block + 2, &fifth, sizeof fifth);
}

void pack_q4_k(const float* x, std::byte* block) {
  Affine parts[8];
  float scale_max = 0, min_max = 0;
  for (int s = 0; s < 8; ++s) {
    parts[s] = best_affine({x + s * kPart, kPart});
    scale_max = std::max(scale_max, parts[s].scale);
    min_max = std::max(min_max, parts[s].min);
  }
  std::fill_n(block, 144, std::byte{0});
  const float d = put_half(block, 0, scale_max / 63), dmin = put_half(block, 2, min_max / 63);
  for (int s = 0; s < 8; ++s) {
    const int scale = level(parts[s].scale, inverse_of(d), 0, 63);
    const int min = level(parts[s].min, inverse_of(dmin), 0, 63);
    uint8_t* b = bytes_at(block, 4);
    if (s < 4) {
      b[s] = static_cast<uint8_t>(b[s] | scale);
      b[s + 4] = static_cast<uint8_t>(b[s + 4] | min);
    } else {
      b[s + 4] = static_cast<uint8_t>((scale & 15) | (min & 15) << 4);
      b[s - 4] = static_cast<uint8_t>(b[s - 4] | (scale >> 4) << 6);
      b[s] = static_cast<uint8_t>(b[s] | (min >> 4) << 6);
    }
    const float inverse = inverse_of(d * static_cast<float>(scale));
    const float offset = dmin * static_cast<float>(min);
    uint8_t* q = bytes_at(block, 16 + s / 2 * 32);
    for (int j = 0; j < kPart; ++j) {
      const int value = level(x[s * kPart + j] + offset, inverse, 0, 15);
      q[j] = static_cast<uint8_t>(q[j] | value << (s % 2 * 4));
    }
  }
}

void pack_q6_k(const float* x, std::byte* block) {
  float scales[16], largest = 0;
  for (int i = 0; i < 16; ++i) {
    scales[i] = best_scale({x + i * 16, 16}, 32);
    if (std::fabs(scales[i]) > std::fabs(largest)) largest = scales[i];
  }
  std::fill_n(block, 210, std::byte{0});
  const float d = put_half(block, 208, largest / -128);
  for (int i = 0; i < 16; ++i) {
    const int scale = level(scales[i], inverse_of(d), -128, 127);
    *bytes_at(block, 192 + i) = static_cast<uint8_t>(static_cast<int8_t>(scale));
    const float inverse = inverse_of(d * static_cast<float>(scale));
    const int s = i / 2, half = s / 4, part = s % 4;
    uint8_t* low = bytes_at(block, 64 * half + 32 * (part % 2) + i % 2 * 16);
    uint8_t* high = bytes_at(block, 128 + 32 * half + i % 2 * 16);
    for (int j = 0; j < 16; ++j) {
      const int q = level(x[i * 16 + j], inverse, -32, 31) + 32;
      low[j] = static_cast<uint8_t>(low[j] | (q & 15) << (part / 2 * 4));
      high[j] = static_cast<uint8_t>(high[j] | (q >> 4) << (2 * part));
    }
  }
}

using Pack = void (*)(const float* x, std::byte* block);
Pack find_pack(TensorType type) {
  switch (type) {
    case TensorType::q4_0: return pack_q4_0;
    case TensorType::q5_0: return pack_q5_0;
    case TensorType::q4_k: return pack_q4_k;
    case TensorType::q6_k: return pack_q6_k;
    default: return nullptr;
  }
}

constexpr TensorType kWritable[] = {TensorType::f32,  TensorType::f16,  TensorType::bf16,
                                    TensorType::q8_0, TensorType::q4_0, TensorType::q5_0,
                                    TensorType::q4_k, TensorType::q6_k};

bool stays_float(const std::string& name, int dim_count) {
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  return dim_count < 2 || !name.ends_with("weight") || has("_norm.weight") ||
         has("ffn_gate_inp.weight") || has("ssm_conv1d") || has("position_embd") ||
         has("token_types");
}

// The type for rows of `length` values.
TensorType fitting(TensorType type, int64_t length) {
  if (length % type_info(type).block_elements == 0) return type;
  if (length % 32 != 0) return TensorType::f16;
  return type == TensorType::q4_k ? TensorType::q5_0 : TensorType::q8_0;
}

// A tensor's bytes as another type.
std::vector<std::byte> converted(const TensorView& tensor, TensorType type) {
  if (type == tensor.type) return {tensor.data, tensor.data + tensor.bytes};
  std::vector<float> values(static_cast<size_t>(tensor.element_count()));
  dequantize_row(tensor.type, tensor.data, tensor.element_count(), values.data());
  return quantize(type, values);
}

}  // namespace

std::optional<TensorType> writable_type(std::string_view name) {
  for (const TensorType type : kWritable) {
    const std::string_view known = type_info(type).name;
    const bool same = std::equal(name.begin(), name.end(), known.begin(), known.end(),
                                 [](char a, char b) { return std::toupper(a) == b; });
    if (same) return type;
  }
  return std::nullopt;
}

TensorType written_type(const std::string& name, int dim_count, int64_t row_length,
                        TensorType asked) {
  return stays_float(name, dim_count) ? TensorType::f32 : fitting(asked, row_length);
}

std::vector<std::byte> quantize(TensorType type, std::span<const float> values) {
  const TypeInfo& info = type_info(type);
  const auto count = static_cast<int64_t>(values.size());
  if (std::find(std::begin(kWritable), std::end(kWritable), type) == std::end(kWritable)) {
    fail(Code::unsupported, "cannot write weights as " + std::string(info.name));
  }
  if (count % info.block_elements != 0) fail(Code::invalid, "not a whole number of blocks");
  std::vector<std::byte> bytes(static_cast<size_t>(count / info.block_elements * info.block_bytes));
  const Pack pack = find_pack(type);
  if (!pack) {
    quantize_row(type, values.data(), count, bytes.data());
    return bytes;
  }
  for (int64_t i = 0; i < count / info.block_elements; ++i) {
    pack(values.data() + i * info.block_elements, bytes.data() + i * info.block_bytes);
  }
  return bytes;
}

QuantizeReport quantize_file(const GgufFile& file, TensorType type,
                             const std::filesystem::path& out) {
  GgufWriter writer;
  QuantizeReport report;
  for (const std::string& key : file.keys()) {
    // What described the old types or parts no longer holds.
    const bool stale = key == "general.file_type" || key == "general.alignment" ||
                       key == "general.quantization_version" || key.starts_with("split.");
    if (!stale) writer.copy_value(file, key);
  }
  writer.set_integer("general.quantization_version", 2);
  for (const TensorView& tensor : file.tensors()) {
    const std::span shape(tensor.shape.data(), static_cast<size_t>(tensor.dim_count));
    const TypeInfo& found = type_info(tensor.type);
    ++report.tensor_count;
    report.bytes_before += tensor.bytes;
    if (!found.evaluated) {
      fail(Code::unsupported, "tensor '" + tensor.name + "' is " + std::string(found.name) +
                                  ", which cannot be read");
    }
    const TensorType chosen =
        written_type(tensor.name, tensor.dim_count, tensor.shape[0], type);
    if (!stays_float(tensor.name, tensor.dim_count)) {
      ++report.quantized_count;
      report.fallback_count += chosen != type;
    }
    report.bytes_after += writer.add_tensor(
        tensor.name, chosen, shape, [&tensor, chosen] { return converted(tensor, chosen); });
  }
  writer.write(out);
  return report;
}

}  // namespace corvid::engine
