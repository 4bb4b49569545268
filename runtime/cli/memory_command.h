#pragma once
// What the files of `corvid memory` share.

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "memory/memory.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/command.h"

namespace corvid::runtime {

struct MemoryArguments {
  std::string store{};      // empty: Corvid's own
  std::string workspace{};  // empty: this folder
  std::string embedder{};   // empty: as configured
  std::string model{};      // empty: as configured
  std::string tenant{}, user{};
  std::string scope{};  // project, user, tenant or session:NAME; empty: see OpenedMemory
  bool json = false, yes = false, all = false, explain = false;
  bool markdown = false, everywhere = false;
  int limit = 20;
  int sub_queries = 0;
  int64_t budget = 2000;
  std::string speaker = "user", format = "auto";
  std::string at{}, batch{}, text{}, session{}, reason{}, question{}, file{};
  std::vector<std::string> ids{};
  std::string id{}, action{};
};
using SharedArguments = std::shared_ptr<MemoryArguments>;

// Makes a subcommand: name, help.
using MemoryCommand = std::function<Command(const char*, const char*)>;

// The memory that the arguments name, and what of it they mean: without a scope, what is written
// belongs to the project, and all projects of the user are read unless a workspace is named.
class OpenedMemory {
 public:
  // `stop` ends what a model is asked; without one, none is asked.
  explicit OpenedMemory(const MemoryArguments& arguments,
                        std::optional<std::stop_token> stop = std::nullopt);
  memory::Memory& operator*() { return *memory_; }
  memory::Memory* operator->() { return memory_.get(); }
  const memory::ScopeFilter& filter() const { return filter_; }
  bool has_model() const { return has_model_; }

 private:
  std::unique_ptr<memory::Memory> memory_;
  memory::ScopeFilter filter_;
  bool has_model_ = false;
};

// A project may be gone from the disk and remembered still. Throws not_found for the name of a
// workspace that is no folder and of which nothing is remembered.
void expect_known(OpenedMemory& memory, const MemoryArguments& arguments);

// Throws invalid, saying how to name one, unless a model can be asked.
void expect_model(const OpenedMemory& memory);

// scenes, foresight, profile, consolidate.
void add_memory_browse(const MemoryCommand& command, const SharedArguments& arguments,
                       CommandContext& context);

// export, import, ingest, edit, promote, demote, pause, resume.
void add_memory_transfer(const MemoryCommand& command, const SharedArguments& arguments);

}  // namespace corvid::runtime
