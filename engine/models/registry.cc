#include "engine/models/model.h"
#include "runtime/base/registry.h"
#include "runtime/base/text.h"

namespace corvid::engine {

using MakeModel = std::unique_ptr<Model> (*)(const GgufFile& file, Ops& ops);

#define X(id, name) std::unique_ptr<Model> make_##id(const GgufFile& file, Ops& ops);
#include "engine/models/models.inc"
#undef X

static constexpr Entry<MakeModel> kModels[] = {
#define X(id, name) {name, make_##id},
#include "engine/models/models.inc"
#undef X
};

std::unique_ptr<Model> make_model(const GgufFile& file, Ops& ops) {
  const std::string name = file.string("general.architecture").value_or("");
  std::string known;
  for (const Entry<MakeModel>& entry : kModels) {
    if (entry.name == name) return entry.make(file, ops);
    known.append(" ").append(entry.name);
  }
  fail(Code::unsupported, file.path() + ": unknown architecture '" + printable(name) +
                              "'; known:" + known);
}

}  // namespace corvid::engine
