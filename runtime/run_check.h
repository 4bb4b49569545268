#pragma once

#include <memory>

#include "policies/policy.h"
#include "runtime/paths.h"
#include "runtime/run_options.h"
#include "runtime/verify.h"

namespace corvid::runtime {

struct RunCheckParts {
  const RunOptions& options;  // with a check
  const Paths& paths;
  const policies::Policy& policy;  // of a run where nobody is asked
  sandbox::Sandbox& sandbox;
  const tools::Workspace& workspace;
  const SnapshotStore& store;
  const std::filesystem::path& scratch;
};

// The checker of a run that began with `start`. Ignored files are kept aside as they are now, or,
// where `is_resumed`, as they were then.
std::unique_ptr<Checker> make_run_checker(const RunCheckParts& parts, const Snapshot& start,
                                          bool is_resumed);

}  // namespace corvid::runtime
