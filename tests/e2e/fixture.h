#pragma once
// A workspace with a bug, a data folder of its own, and the corvid program.

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/support/process.h"

namespace corvid::test {

// The check of the workspace that a Scene makes.
inline const std::string kCheck = "python3 -m unittest -q";

class Scene {
 public:
  Scene();

  const std::filesystem::path& root() const { return dir_.path(); }
  std::filesystem::path workspace() const { return root() / "work"; }
  std::filesystem::path data() const { return root() / "data" / "corvid"; }

  // Writes a file of the workspace.
  void put(const std::string& path, const std::string& text) const;
  std::string get(const std::string& path) const;
  // Writes a script for the scripted provider; returns the model's name.
  std::string script(const std::vector<Json>& replies) const;

  ProcessResult corvid(std::vector<std::string> arguments,
                       std::map<std::string, std::string> environment = {},
                       int kill_after_ms = -1) const;

  // `corvid run "repair it" --json` in the workspace with these replies.
  ProcessResult run(const std::vector<Json>& replies, std::vector<std::string> more = {}) const;
  // What `corvid sessions show --json` prints of the run that gave `result`.
  std::string shown(const Json& result) const;
  // What the tools answered in it, in order.
  std::vector<std::string> answers_of(const Json& result) const;

  // Files beneath the data and cache folders that contain `text`, compressed ones opened.
  std::vector<std::string> files_with(const std::string& text) const;

 private:
  TempDir dir_;
};

// The objects of a --json run, and the last of them.
std::vector<Json> json_lines(const std::string& out);
std::vector<Json> event_lines(const std::string& out);  // without those of threads, turns and items
Json result_of(const ProcessResult& process);

Json call(const std::string& name, const Json& arguments);  // a reply with one call

// False, with a message that says SKIP, where commands cannot be confined here.
bool sandbox_works();
// The same where they cannot be with namespaces: on copies commands have no network, and what they
// change is seen when they have ended.
bool namespaces_work();

}  // namespace corvid::test
