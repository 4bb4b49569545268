#include "runtime/run_model.h"

#include <utility>

#include "runtime/prompt.h"

namespace corvid::runtime {

std::unique_ptr<Provider> open_run_model(const RunOptions& run, const Paths& paths,
                                         TokenSink on_tokens) {
  ProviderOptions options;
  options.models_folder = paths.models();
  options.context_tokens = run.context_tokens;
  if (run.reasoning_tokens_max >= 0) options.reasoning_tokens_max = run.reasoning_tokens_max;
  options.on_tokens = std::move(on_tokens);
  const std::string model = !run.model.empty() ? run.model : own_part(Code::device, [&] {
    return find_shared_file(paths, "fledgling.gguf").string();
  });
  try {
    return make_provider(model, options);
  } catch (const Error& error) {  // edge: a model's failure gets the exit code of one
    if (error.code() == Code::not_found || error.code() == Code::invalid) throw;
    fail(Code::device, std::string("cannot use the model: ") + error.what());
  }
}

void begin_conversation(Provider& provider, const tools::Toolbox& toolbox,
                        const ModelProfile& profile, const std::string& instructions) {
  std::string system = profile.system.empty() ? std::string(system_text()) : profile.system;
  if (!instructions.empty()) system += "\n\n" + instructions;
  provider.start(system, declare_tools(toolbox, profile));
}

int attempts_of(const RunOptions& options, const ModelProfile& profile) {
  if (options.attempts > 0) return options.attempts;
  return options.verify.empty() ? 1 : profile.attempts;
}

bool makes_attempts(const RunOptions& options, const ModelProfile& profile) {
  const bool is_asked_for = options.attempts > 0 || attempts_of(options, profile) > 1;
  return !options.verify.empty() && is_asked_for;
}

}  // namespace corvid::runtime
