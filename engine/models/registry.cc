#include "engine/layers/model_reader.h"
#include "engine/models/model.h"
#include "runtime/base/error.h"
#include "runtime/base/registry.h"
#include "runtime/base/text.h"

namespace corvid::engine {

// `reader` is copied by what is kept of it.
using MakeModel = std::unique_ptr<Model> (*)(const ModelReader& reader, Ops& ops);

#define X(id, name) std::unique_ptr<Model> make_##id(const ModelReader& reader, Ops& ops);
#include "engine/models/models.inc"
#undef X

static constexpr Entry<MakeModel> kModels[] = {
#define X(id, name) {name, make_##id},
#include "engine/models/models.inc"
#undef X
};

namespace {

// Small tensors can multiply up to a state that no machine holds.
std::unique_ptr<Model> checked(const GgufFile& file, std::unique_ptr<Model> model) {
  constexpr int64_t kStateFloatsMax = int64_t{1} << 31, kPageFloatsMax = int64_t{1} << 29;
  const MemorySpec& memory = model->memory_spec();
  const int64_t page_values = memory.page_values();
  if (memory.state_floats <= kStateFloatsMax && page_values <= kPageFloatsMax) return model;
  file.damaged("impossible sizes: one sequence would need " +
               std::to_string((memory.state_floats >> 28) + (page_values >> 28)) + " GiB");
}

}  // namespace

bool is_known_architecture(std::string_view name) {
  for (const Entry<MakeModel>& entry : kModels) {
    if (entry.name == name) return true;
  }
  return false;
}

std::unique_ptr<Model> make_model(const GgufFile& file, Ops& ops) {
  if (!file.has("general.architecture")) file.damaged("no key general.architecture");
  const std::string name = file.string("general.architecture").value_or("");
  std::string known;
  for (const Entry<MakeModel>& entry : kModels) {
    if (entry.name == name) {
      const ModelReader reader(file);
      auto model = checked(file, entry.make(reader, ops));
      reader.require_all_read();
      return model;
    }
    known.append(" ").append(entry.name);
  }
  fail(Code::unsupported, file.path() + ": unknown architecture '" + printable(name) +
                              "'; known:" + known);
}

}  // namespace corvid::engine
