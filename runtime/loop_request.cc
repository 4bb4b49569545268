#include "runtime/loop_request.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "tools/edit_candidates.h"
#include "tools/edit_text.h"

namespace corvid::runtime {
namespace {

constexpr int64_t kToolOutputBytes = 30'000;

// A call whose answer the model has already, or that cannot help yet, is not offered.
void withhold_known(const OfferBasis& basis, const tools::ToolState& state, const Seen& seen,
                    Request& request) {
  const bool has_choice = !request.offered["edit_file.choice"].empty();
  if (!has_choice || seen.edit_is_unchecked) request.withheld.insert("edit_file");
  if (has_choice) request.withheld.insert("suggest_edits");
  if (seen.check_is_known) request.withheld.insert("shell");
  const bool can_suggest = basis.toolbox.find("suggest_edits") != nullptr && !seen.has_suggestions;
  if (basis.has_checker && state.applied.empty() && (has_choice || can_suggest)) {
    request.withheld.insert("finish");
  }
  const int read_count = int(state.read_hashes.size());
  const auto paths = request.offered.find("read_file.path");
  if (paths != request.offered.end()) {
    std::erase_if(paths->second,
                  [&](const std::string& path) { return state.read_hashes.contains(path); });
    if (paths->second.empty()) request.withheld.insert("read_file");
  }
  if (read_count >= basis.profile.reads_max || has_choice) request.withheld.insert("read_file");
}

// What a model that only drives can say at the end: what was done, as the harness knows it. In its
// own words a small one may not come to an end.
std::vector<std::string> outcomes(const tools::ToolState& state) {
  for (const tools::Choice& choice : state.choices) {
    if (choice.id != state.applied) continue;
    return {"Applied " + choice.id + " to " + choice.edit.path + ":" +
            std::to_string(choice.edit.line) + "."};
  }
  return {"The check passes already.", "No candidate was found."};
}

// The files that edit_file and apply_patch may copy from.
CopiedText passages_to_edit(const tools::Workspace& workspace, const tools::ToolState& state) {
  CopiedText copied{"edit_file", "old_text", "path", workspace.shown_as().string() + "/", {}, {}};
  tools::ToolState known;
  known.read_hashes = state.read_hashes;
  for (const auto& [path, hash] : known.read_hashes) copied.paths.push_back(path);
  copied.read = [workspace, known](const std::string& path) -> std::optional<std::string> {
    try {
      return tools::text_to_edit(workspace, known, path);
    } catch (const Error&) {  // edge: what is wrong with the file is the tool's to tell
      return std::nullopt;
    }
  };
  return copied;
}

std::vector<std::string> offered_values(const OfferBasis& basis, const LoopOptions& options,
                                        const tools::ToolState& state, const std::string& source,
                                        const std::string& name) {
  std::vector<std::string> values;
  if (source == "check") {
    if (!basis.check_command.empty()) values.push_back(basis.check_command);
  } else if (source == "choices") {
    const bool is_first = state.tried.empty();
    if (is_first && !options.first_choice.empty()) return {options.first_choice};
    for (size_t i = 0; i < state.choices.size(); ++i) {
      const std::string& id = state.choices[i].id;
      if (!is_first && i < options.reserved_choices) continue;
      if (!state.tried.contains(id)) values.push_back(id);
    }
  } else if (source == "files" || source == "source_files") {
    for (std::string& path : basis.workspace.files()) {
      if (source == "files" || tools::has_edits(path)) values.push_back(std::move(path));
    }
  } else if (source != "none") {
    fail(Code::invalid, "'" + name + "' is offered from unknown '" + source + "'");
  }
  return values;
}

}  // namespace

LoopOptions make_loop_options(const RunOptions& options, const ModelProfile& profile,
                              int64_t window, int turns_done) {
  LoopOptions loop;
  loop.turns_max = turns_done + options.turns_max;
  loop.tokens_max = options.tokens_max;
  loop.seed = options.seed;
  loop.tool_output_bytes =
      profile.tool_output_bytes > 0 ? profile.tool_output_bytes
      : window > 0                  ? std::clamp(window / 2, int64_t{2000}, kToolOutputBytes)
                                    : kToolOutputBytes;
  loop.checks_max = options.checks_max;
  return loop;
}

Request make_request(const OfferBasis& basis, const LoopOptions& options,
                     const tools::ToolState& state, const Seen& seen) {
  Request request;
  request.temperature = options.temperature;
  request.seed = options.seed;
  request.tokens_max = options.tokens_max;
  const auto offer = [&](const std::string& name, const std::string& source) {
    request.offered[name] = offered_values(basis, options, state, source, name);
  };
  for (const auto& [name, source] : basis.profile.offered) offer(name, source);
  if (basis.toolbox.find("edit_file") != nullptr) offer("edit_file.choice", "choices");
  const bool copies = basis.toolbox.find("edit_file") != nullptr ||
                      basis.toolbox.find("apply_patch") != nullptr;
  if (copies && !state.read_hashes.empty()) {
    request.copied = passages_to_edit(basis.workspace, state);
  }
  if (basis.profile.reads_max > 0) {
    withhold_known(basis, state, seen, request);
    request.offered["finish.summary"] = outcomes(state);
  }
  return request;
}

}  // namespace corvid::runtime
