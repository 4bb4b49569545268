#include "runtime/base/registry.h"
#include "runtime/provider.h"

namespace corvid::runtime {

using MakeProvider = std::unique_ptr<Provider> (*)(std::string_view model,
                                                   const ProviderOptions& options);

#define X(id, name) \
  std::unique_ptr<Provider> make_##id(std::string_view model, const ProviderOptions& options);
#include "runtime/providers/providers.inc"
#undef X

static constexpr Entry<MakeProvider> kProviders[] = {
#define X(id, name) {name, make_##id},
#include "runtime/providers/providers.inc"
#undef X
};

std::unique_ptr<Provider> make_provider(std::string_view model, const ProviderOptions& options) {
  const size_t colon = model.find(':');
  const bool has_prefix =
      colon != std::string_view::npos && model.substr(0, colon).find('/') == std::string_view::npos;
  if (!has_prefix)
    return find_maker<MakeProvider>(kProviders, "provider", "embedded")(model, options);
  return find_maker<MakeProvider>(kProviders, "provider", model.substr(0, colon))(
      model.substr(colon + 1), options);
}

}  // namespace corvid::runtime
