#pragma once
// A workspace in a temporary folder and everything that a tool's run() needs.

#include <fstream>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tools/toolbox.h"

namespace corvid::tools {

// The confining sandbox where it works here, else the one that confines nothing.
inline std::unique_ptr<sandbox::Sandbox> any_sandbox(bool& is_confined) {
  const std::filesystem::path jail = std::filesystem::path(CORVID_BINARY_DIR) / "corvid-jail";
  is_confined = std::filesystem::exists(jail) && sandbox::detect_layers(jail).complete();
  return is_confined ? sandbox::make_sandbox("linux", {jail}) : sandbox::make_sandbox("none");
}

struct ToolFixture {
  TempDir folder;
  Workspace workspace{folder.path()};
  bool is_confined = false;
  std::unique_ptr<sandbox::Sandbox> box = any_sandbox(is_confined);
  sandbox::Profile profile = sandbox::system_profile();
  Toolbox toolbox;
  ToolState state;
  memory::Memory* memory = nullptr;
  Evidence evidence;
  std::unique_ptr<EditRanker> ranker;
  RankEdits rank_edits;

  ToolFixture() {
    profile.read_roots.push_back(workspace.shown_as());
    profile.write_roots.push_back(workspace.shown_as());
  }

  void put(const std::string& path, const std::string& content) const {
    std::filesystem::create_directories((folder.path() / path).parent_path());
    std::ofstream(folder.path() / path, std::ios::binary) << content;
  }

  std::string get(const std::string& path) const { return workspace.read(path).value_or("(none)"); }

  ToolContext context() {
    std::function<const EditRanker&()> given_ranker;
    if (ranker) given_ranker = [this]() -> const EditRanker& { return *ranker; };
    std::function<memory::Memory&()> given_memory;
    if (memory != nullptr) given_memory = [this]() -> memory::Memory& { return *memory; };
    return {.workspace = workspace,
            .sandbox = *box,
            .profile = profile,
            .memory = given_memory,
            .state = state,
            .evidence = [this]() -> const Evidence& { return evidence; },
            .edit_ranker = given_ranker,
            .rank_edits = rank_edits,
            .edit_ranking = EditRanking::tables,
            .seed = 0,
            .check_command = "",
            .stop = {}};
  }

  policies::Action plan(const std::string& tool, const Json& args) const {
    return toolbox.find(tool)->plan(args, workspace, state);
  }

  // validate, plan, run, as the loop does; an Error becomes a result.
  ToolResult call(const std::string& tool, const Json& args) {
    try {
      Toolbox::validate(*toolbox.find(tool), args);
      plan(tool, args);
      return toolbox.find(tool)->run(args, context());
    } catch (const Error& error) {
      return {.text = error.what(), .is_error = true};
    }
  }
};

}  // namespace corvid::tools
