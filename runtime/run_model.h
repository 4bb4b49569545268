#pragma once
// The model of a run: found, opened, and told what it is there for.

#include <filesystem>
#include <memory>
#include <string>

#include "runtime/base/error.h"
#include "runtime/paths.h"
#include "runtime/provider.h"
#include "runtime/run_options.h"
#include "tools/toolbox.h"

namespace corvid::runtime {

// What is missing of Corvid itself is no mistake of the user's.
template <typename Make>
auto own_part(Code code, const Make& make) {
  try {
    return make();
  } catch (const Error& error) {  // edge: what is missing is ours, not the caller's mistake
    if (error.code() != Code::not_found && error.code() != Code::invalid) throw;
    fail(code, error.what());
  }
}

// Opens the model that the options name, or the default one. Throws device where it cannot be used,
// and what make_provider() throws for one that cannot be.
std::unique_ptr<Provider> open_run_model(const RunOptions& options, const Paths& paths,
                                         TokenSink on_tokens);

// The fixed prompt: system text, instructions of the project, tools.
void begin_conversation(Provider& provider, const tools::Toolbox& toolbox,
                        const ModelProfile& profile, const std::string& instructions);

// How many attempts the run makes at most, and whether it forks for them at all.
int attempts_of(const RunOptions& options, const ModelProfile& profile);
bool makes_attempts(const RunOptions& options, const ModelProfile& profile);

}  // namespace corvid::runtime
