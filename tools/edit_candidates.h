#pragma once
// One-line repairs: enumerated from the tokens of a file, ranked by tables and evidence of place.
// The recipe is measured in examples/fledgling/README.md.

#include <cstdint>
#include <functional>
#include <memory>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/evidence.h"

namespace corvid::tools {

struct SourceFile {
  std::string path;  // relative to the workspace
  std::string text;
};

// A repair of one line. `old_text` empty: `new_text` is a line inserted before `line`; `new_text`
// empty: the line is deleted. Texts are whole lines without their newline.
struct EditCandidate {
  std::string path;
  int line = 0;  // 1-based
  std::string old_text;
  std::string new_text;
  std::string kind;  // of the edit: "compare", "name", "insert_return", ...
  double score = 0;  // log-probability-like; comparable across the files of one request
};

// A function whose candidates a model may score: its verbatim lines and the candidates in it.
struct RankRequest {
  std::string_view path;
  int first_line = 0;                     // 1-based, of `lines[0]`
  std::span<const std::string> lines;     // the function, verbatim
  int hint_line = 0;                      // 1-based line of the traceback in it, 0: none
  std::span<const EditCandidate> candidates;
};

// Log-odds per candidate from a model (0 = no opinion), in the order of request.candidates. Made by
// runtime, so that this module needs no engine. Empty function: no model ranks.
using RankEdits = std::function<std::vector<float>(const RankRequest&)>;

// The languages whose lines can be repaired ("python", "c"); the tables of one are NAME.tables.
std::vector<std::string> edit_languages();

// Whether a file is of one of them, by the ending of its path.
bool has_edits(std::string_view path);

enum class EditRanking { random, tables, model };

struct EditOptions {
  EditRanking ranking = EditRanking::model;
  int limit = 256;       // candidates returned
  std::string path;      // only this file; empty: every file of a known language
  int first_line = 0;    // only these lines; 0: all
  int last_line = 0;
  uint64_t seed = 0;     // of the random order
};

// The tables and weights, read from the data file that the recipe builds. Const, thread-safe.
class EditRanker {
 public:
  // The table files by the language that they are for; files of other languages get no candidates.
  // Throws corrupt or not_found.
  static std::unique_ptr<EditRanker> load(
      const std::map<std::string, std::filesystem::path>& tables);
  ~EditRanker();

  // Candidates over `files`, best first, none twice; each lexes and keeps brackets balanced. Every
  // fifth one is the best of a second order, in which each kind of common slip has the same share.
  std::vector<EditCandidate> rank(std::span<const SourceFile> files, const Evidence& evidence,
                                  const EditOptions& options, const RankEdits& model) const;

 private:
  struct Impl;
  explicit EditRanker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace corvid::tools
