#include "engine/state/kv_type.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

bool has_quantized_weights(const GgufFile& file) {
  return std::any_of(file.tensors().begin(), file.tensors().end(), [](const TensorView& tensor) {
    return type_info(tensor.type).block_elements > 1;
  });
}

}  // namespace

TensorType choose_kv_type(const EngineOptions& options, const GgufFile& file,
                          const MemorySpec& memory) {
  std::string name = options.kv_type;
  if (name.empty()) name = options.int8_activations && has_quantized_weights(file) ? "f16" : "f32";
  if (name == "f32") return TensorType::f32;
  if (name == "f16") return TensorType::f16;
  if (name != "q8_0") {
    fail(Code::invalid, "keys and values as '" + name + "'; known: f32 f16 q8_0");
  }
  const int64_t block = type_info(TensorType::q8_0).block_elements;
  for (const MemorySpec::Kv& kv : memory.kv) {
    if (kv.key_dim % block == 0 && kv.value_dim % block == 0) continue;
    fail(Code::unsupported, file.path() + ": heads are no whole blocks of q8_0; use f16");
  }
  return TensorType::q8_0;
}

}  // namespace corvid::engine
