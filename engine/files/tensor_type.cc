#include <array>
#include <utility>

#include "engine/gguf.h"
#include "runtime/base/check.h"

namespace corvid::engine {
namespace {

// Sizes from ggml-org/ggml src/ggml-common.h.
constexpr std::pair<TensorType, TypeInfo> kTypes[] = {
    {TensorType::f32, {"F32", 1, 4, true}},
    {TensorType::f16, {"F16", 1, 2, true}},
    {TensorType::q4_0, {"Q4_0", 32, 18, true}},
    {TensorType::q4_1, {"Q4_1", 32, 20, true}},
    {TensorType::q5_0, {"Q5_0", 32, 22, true}},
    {TensorType::q5_1, {"Q5_1", 32, 24, true}},
    {TensorType::q8_0, {"Q8_0", 32, 34, true}},
    {TensorType::q8_1, {"Q8_1", 32, 36}},
    {TensorType::q2_k, {"Q2_K", 256, 84, true}},
    {TensorType::q3_k, {"Q3_K", 256, 110, true}},
    {TensorType::q4_k, {"Q4_K", 256, 144, true}},
    {TensorType::q5_k, {"Q5_K", 256, 176, true}},
    {TensorType::q6_k, {"Q6_K", 256, 210, true}},
    {TensorType::q8_k, {"Q8_K", 256, 292}},
    {TensorType::iq2_xxs, {"IQ2_XXS", 256, 66}},
    {TensorType::iq2_xs, {"IQ2_XS", 256, 74}},
    {TensorType::iq3_xxs, {"IQ3_XXS", 256, 98}},
    {TensorType::iq1_s, {"IQ1_S", 256, 50}},
    {TensorType::iq4_nl, {"IQ4_NL", 32, 18, true}},
    {TensorType::iq3_s, {"IQ3_S", 256, 110}},
    {TensorType::iq2_s, {"IQ2_S", 256, 82}},
    {TensorType::iq4_xs, {"IQ4_XS", 256, 136, true}},
    {TensorType::i8, {"I8", 1, 1}},
    {TensorType::i16, {"I16", 1, 2}},
    {TensorType::i32, {"I32", 1, 4}},
    {TensorType::i64, {"I64", 1, 8}},
    {TensorType::f64, {"F64", 1, 8}},
    {TensorType::iq1_m, {"IQ1_M", 256, 56}},
    {TensorType::bf16, {"BF16", 1, 2, true}},
    {TensorType::tq1_0, {"TQ1_0", 256, 54}},
    {TensorType::tq2_0, {"TQ2_0", 256, 66}},
    {TensorType::mxfp4, {"MXFP4", 32, 17, true}},
    {TensorType::nvfp4, {"NVFP4", 64, 36, true}},
    {TensorType::q1_0, {"Q1_0", 128, 18}},
    {TensorType::q2_0, {"Q2_0", 64, 18}},
};

}  // namespace

const TypeInfo* find_type(uint32_t id) {
  for (const auto& [type, info] : kTypes) {
    if (static_cast<uint32_t>(type) == id) return &info;
  }
  return nullptr;
}

const TypeInfo& type_info(TensorType type) {
  const TypeInfo* info = find_type(static_cast<uint32_t>(type));
  CHECK(info != nullptr);
  return *info;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "{";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "}";
}

}  // namespace corvid::engine
