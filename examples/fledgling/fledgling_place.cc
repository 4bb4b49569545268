// Measures where the whole-repository ranking puts the right repair of known bugs, and writes down
// what fit_place.py fits the weights of place on.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "sandbox/sandbox.h"
#include "tools/c_trace.h"
#include "tools/edit_candidates.h"
#include "tools/edits/place.h"
#include "tools/edits/weights.h"
#include "tools/python_trace.h"
#include "tools/workspace.h"

namespace {

using namespace corvid;
using namespace corvid::tools;
using namespace corvid::tools::edits;
namespace fs = std::filesystem;

constexpr const char* kUsage =
    R"(usage: fledgling_place COMMAND --bugs FILE --tasks FOLDER --evidence FOLDER [options]
  --bugs FILE        JSON lines of place_tasks.py or of tests/bench/repair: id, file, line, correct,
                     deleted, function, check
  --tasks FOLDER     FOLDER/ID is the broken workspace
  --evidence FOLDER  FOLDER/ID.json is what the traced check showed
commands:
  trace              makes the evidence that is missing; runs the checks WITHOUT a sandbox
  rank               prints JSON lines: id, function and repository (the rank of the right repair,
                     from 1, 0 where it is not among the first --limit), the function being named
                     in the task or not, and *_unit (the rank of the function that has it among the
                     functions of the list); --tables FILE
  (both: --language python, the default, or c)
  features           writes --out PREFIX.{groups,cand,jsonl} for fit_place.py; --tables FILE
)";

using Options = std::map<std::string, std::string>;

std::string language_name(const Options& options) {
  const auto found = options.find("--language");
  return found == options.end() ? "python" : found->second;
}

struct Task {
  Json record;
  std::string id;
  fs::path folder;
  fs::path evidence;
};

std::vector<Task> read_tasks(const Options& options) {
  std::ifstream in(options.at("--bugs"));
  if (!in) fail(Code::not_found, "no bugs at '" + options.at("--bugs") + "'");
  std::vector<Task> out;
  std::string line;
  while (std::getline(in, line)) {
    Task task;
    task.record = parse_json(line, "a task");
    task.id = json_string(task.record, "id");
    task.folder = fs::path(options.at("--tasks")) / task.id;
    task.evidence = fs::path(options.at("--evidence")) / (task.id + ".json");
    if (fs::is_directory(task.folder)) out.push_back(std::move(task));
  }
  return out;
}

Json to_json(const Evidence& evidence) {
  Json tracebacks = Json::array(), executed = Json::object();
  for (const std::vector<Frame>& traceback : evidence.tracebacks) {
    Json frames = Json::array();
    for (const Frame& f : traceback) frames.push_back({f.path, f.line, f.function});
    tracebacks.push_back(std::move(frames));
  }
  for (const auto& [path, lines] : evidence.executed) {
    Json& list = executed[path] = Json::array();
    for (const auto& [line, h] : lines) list.push_back({line, h.failing_tests, h.passing_tests});
  }
  return {{"passed", evidence.check_passed},         {"failing", evidence.failing_test_count},
          {"passing", evidence.passing_test_count},  {"tracebacks", tracebacks},
          {"executed", executed},                    {"output", to_utf8(evidence.output)}};
}

Evidence read_stored(const fs::path& path) {
  const Json json = parse_json(read_file(path), path.string());
  Evidence out;
  out.check_ran = true;
  out.check_passed = json["passed"].get<bool>();
  out.failing_test_count = json["failing"].get<int>();
  out.passing_test_count = json["passing"].get<int>();
  out.output = json_string_or(json, "output", "");
  for (const Json& traceback : json["tracebacks"]) {
    std::vector<Frame> frames;
    for (const Json& f : traceback)
      frames.push_back({f[0].get<std::string>(), f[1].get<int>(), f[2].get<std::string>()});
    out.tracebacks.push_back(std::move(frames));
  }
  for (const auto& [path_in, lines] : json["executed"].items()) {
    for (const Json& l : lines)
      out.executed[path_in][l[0].get<int>()] = {l[1].get<int>(), l[2].get<int>()};
  }
  return out;
}

void trace(const Task& task) {
  const TempDir copy("corvid-place"), results("corvid-trace");
  fs::copy(task.folder, copy.path(), fs::copy_options::recursive);
  const Workspace workspace(copy.path());
  const PythonTrace python = prepare_trace(results.path(), workspace.shown_as());
  sandbox::Profile profile;
  profile.environment = python.environment;
  const char* path = std::getenv("PATH");
  const CTrace c_trace = prepare_c_trace(results.path(), path == nullptr ? "/usr/bin" : path);
  for (const std::string& variable : c_trace.environment) profile.environment.push_back(variable);
  profile.environment.push_back("PYTHONDONTWRITEBYTECODE=1");
  sandbox::Command command;
  command.argv = {"/bin/sh", "-c", json_string(task.record, "check")};
  command.cwd = workspace.root();
  const sandbox::Outcome outcome = sandbox::make_sandbox("none")->run(command, profile, {});
  Evidence evidence = read_evidence(python, outcome.output, outcome.exit_code, workspace);
  command.argv = {"/bin/sh", "-c", c_trace.collect};
  if (has_c_results(c_trace)) sandbox::make_sandbox("none")->run(command, profile, {});
  add_c_evidence(c_trace, outcome.exit_code, workspace, evidence);
  write_file_atomic(task.evidence, dump_json(to_json(evidence)));
  std::fprintf(stderr, "%s: exit %d, %d failing, %d passing, %zu tracebacks\n", task.id.c_str(),
               outcome.exit_code, evidence.failing_test_count, evidence.passing_test_count,
               evidence.tracebacks.size());
}

std::vector<SourceFile> sources_of(const Workspace& workspace) {
  std::vector<SourceFile> out;
  for (const std::string& path : workspace.files()) {
    if (has_edits(path)) out.push_back({path, read_file(workspace.root() / path)});
  }
  return out;
}

// What counts as the right repair of a task.
class Right {
 public:
  Right(const Task& task, const std::vector<SourceFile>& files)
      : file_(json_string(task.record, "file")),
        correct_(json_string(task.record, "correct")),
        line_(task.record["line"].get<int>()),
        deleted_(json_bool_or(task.record, "deleted", false)) {
    for (const SourceFile& file : files) {
      if (file.path != file_) continue;
      for (const std::string_view line : split_lines(file.text)) lines_.emplace_back(trim(line));
    }
  }

  const std::string& file() const { return file_; }
  int line() const { return line_; }

  // `line` from 1. An insertion may stand on the other side of blank lines and comments.
  bool is(int line, bool is_insertion, const std::string& text) const {
    if (is_insertion != deleted_) return false;
    if (line_hash(text) != line_hash(correct_)) return false;
    if (!deleted_) return line == line_;
    if (text.find_first_not_of(" \t") != correct_.find_first_not_of(" \t")) return false;
    for (int i = std::min(line, line_); i < std::max(line, line_); ++i) {
      if (i > static_cast<int>(lines_.size())) return false;
      const std::string& between = lines_[static_cast<size_t>(i - 1)];
      if (!between.empty() && between[0] != '#') return false;
    }
    return true;
  }

 private:
  std::string file_, correct_;
  int line_ = 0;
  bool deleted_ = false;
  std::vector<std::string> lines_;
};

// Where the right repair's function stands among the units of the project, in the order in which
// they are first met in the list; from 1, 0 where none of its candidates is there.
class Units {
 public:
  explicit Units(const std::vector<SourceFile>& files) {
    for (const SourceFile& file : files) {
      if (const Language* language = language_of(file.path); language != nullptr)
        sources_.emplace(file.path, std::make_unique<Source>(file.text, *language));
    }
  }

  size_t rank_of(const std::string& path, int line,
                 const std::vector<EditCandidate>& candidates) const {
    const auto right = find(path, line);
    std::set<std::pair<std::string, int>> seen;
    for (const EditCandidate& c : candidates) {
      const auto unit = find(c.path, c.line);
      seen.insert(unit);
      if (unit == right) return seen.size();
    }
    return 0;
  }

 private:
  // Path and first line of the unit that has `line` (from 1) or ends before it.
  std::pair<std::string, int> find(const std::string& path, int line) const {
    const auto source = sources_.find(path);
    if (source == sources_.end()) return {path, 0};
    int first = 0;
    for (const Unit& unit : source->second->units()) {
      if (unit.first_line + 1 <= line && line <= unit.last_line + 2) {
        first = unit.first_line + 1;
        if (line <= unit.last_line + 1) break;
      }
    }
    return {path, first};
  }

  std::map<std::string, std::unique_ptr<Source>> sources_;
};

void rank(const Task& task, const EditRanker& ranker, int limit) {
  const Workspace workspace(task.folder);
  const std::vector<SourceFile> files = sources_of(workspace);
  const Right right(task, files);
  const Units units(files);
  Json out = {{"id", task.id}};
  const std::string function =
      "The tests fail. The bug is in `" + json_string(task.record, "function") + "` in `" +
      right.file() + "`. Repair it.";
  const std::map<std::string, std::string> settings = {
      {"function", function}, {"repository", "The tests fail. Find the bug and repair it."}};
  for (const auto& [name, text] : settings) {
    Evidence evidence = read_stored(task.evidence);
    find_mentions(text, workspace, evidence);
    EditOptions options;
    options.ranking = EditRanking::tables;
    options.limit = limit;
    const std::vector<EditCandidate> all = ranker.rank(files, evidence, options, {});
    const auto at = std::find_if(all.begin(), all.end(), [&](const EditCandidate& c) {
      return c.path == right.file() && right.is(c.line, c.old_text.empty(), c.new_text);
    });
    out[name] = at == all.end() ? 0 : at - all.begin() + 1;
    out[name + "_count"] = all.size();
    out[name + "_unit"] = units.rank_of(right.file(), right.line(), all);
  }
  std::printf("%s\n", dump_json(out).c_str());
  std::fflush(stdout);
}

constexpr size_t kUnitsMax = 80;

// PREFIX.groups holds one row per line of a unit (its terms), PREFIX.cand one per candidate (its
// score in the unit and the row of its line in this task), PREFIX.jsonl one line per task.
class Writer {
 public:
  explicit Writer(const Options& options)
      : language_(find_language(language_name(options))), limit_(kUnitsMax) {
    const TableFile file = unpack_tables(read_file(options.at("--tables")), "the tables");
    table_ = NgramTable(file.ngrams, "the tables");
    weights_ = unpack_weights(file.weights, "the tables");
    const std::string& prefix = options.at("--out");
    groups_.open(prefix + ".groups", std::ios::binary);
    candidates_.open(prefix + ".cand", std::ios::binary);
    tasks_.open(prefix + ".jsonl");
  }

  void write(const Task& task) {
    const Workspace workspace(task.folder);
    const std::vector<SourceFile> files = sources_of(workspace);
    const Right right(task, files);
    const Evidence evidence = read_stored(task.evidence);
    if (evidence.check_passed || evidence.executed.empty()) return;
    const Place place(evidence, files);
    std::vector<std::unique_ptr<Source>> sources;
    std::vector<Seen> units;
    for (const SourceFile& file : files) {
      if (is_test_file(file.path)) continue;
      sources.push_back(std::make_unique<Source>(file.text, language_));
      for (const Unit& unit : sources.back()->units()) {
        const Source& source = *sources.back();
        Seen seen{&file, &source, &unit, place.unit(file.path, source, unit), false};
        seen.is_right = file.path == right.file() && right.line() >= unit.first_line + 1 &&
                        right.line() <= unit.last_line + 2;
        // What no failing test runs keeps a weight that is set by judgement.
        const UnitTerms terms = place.unit_terms(file.path, source, unit);
        if (terms[static_cast<size_t>(UnitTerm::not_executed)] > 0) continue;
        units.push_back(seen);
      }
    }
    std::stable_sort(units.begin(), units.end(), [](const Seen& a, const Seen& b) {
      return a.is_right != b.is_right ? a.is_right : a.weight > b.weight;
    });
    if (units.size() > limit_) units.resize(limit_);
    group_count_ = candidate_count_ = 0;
    label_ = -1;
    for (const Seen& seen : units) write_unit(seen, place, right);
    models_.clear();
    const Json out = {{"id", task.id},
                      {"package", json_string_or(task.record, "package", "")},
                      {"units", units.size()},
                      {"groups", group_count_},
                      {"candidates", candidate_count_},
                      {"label", label_}};
    tasks_ << dump_json(out) << std::endl;
  }

 private:
  struct Seen {
    const SourceFile* file;
    const Source* source;
    const Unit* unit;
    float weight;
    bool is_right;
  };

  void write_unit(const Seen& seen, const Place& place, const Right& right) {
    const Unit& unit = *seen.unit;
    std::unique_ptr<FileModel>& kept = models_[seen.source];
    if (kept == nullptr) kept = std::make_unique<FileModel>(*seen.source, table_);
    FileModel& model = *kept;
    const UnitFacts facts(*seen.source, unit, model.facts);
    Candidates candidates(*seen.source, model.vocabulary);
    generate({*seen.source, unit, model.facts, facts, candidates});
    const std::vector<Candidate>& all = candidates.all();
    const auto features = features_of(model, unit, facts, candidates);
    const UnitTerms unit_terms = place.unit_terms(seen.file->path, *seen.source, unit);
    const auto lines = place.line_terms(seen.file->path, *seen.source, unit);
    for (const LineTerms& line : lines) {
      put(groups_, unit_terms);
      put(groups_, line);
    }
    for (size_t i = 0; i < all.size(); ++i) {
      const Candidate& c = all[i];
      const bool is_right =
          seen.file->path == right.file() &&
          right.is(c.line + 1, c.operation == Operation::insert, c.text);
      if (is_right && label_ < 0) label_ = static_cast<int64_t>(candidate_count_ + i);
      put(candidates_, std::array{weights_.score(&features[i * kFeatureCount], c.kind),
                                  static_cast<float>(group_count_ + line_of(c, unit, lines))});
    }
    group_count_ += lines.size();
    candidate_count_ += all.size();
  }

  template <size_t N>
  static void put(std::ofstream& out, const std::array<float, N>& row) {
    out.write(reinterpret_cast<const char*>(row.data()), N * sizeof(float));
  }

  const Language& language_;
  size_t limit_, group_count_ = 0, candidate_count_ = 0;
  int64_t label_ = -1;
  NgramTable table_;
  Weights weights_;
  std::map<const Source*, std::unique_ptr<FileModel>> models_;
  std::ofstream groups_, candidates_, tasks_;
};

int run(const std::string& command, const Options& options) {
  const std::vector<Task> tasks = read_tasks(options);
  if (command == "trace") {
    fs::create_directories(options.at("--evidence"));
    for (const Task& task : tasks) {
      if (!fs::exists(task.evidence)) trace(task);
    }
    return 0;
  }
  if (command == "rank") {
    const auto ranker = EditRanker::load({{language_name(options), options.at("--tables")}});
    const int limit = options.contains("--limit") ? std::stoi(options.at("--limit")) : 1 << 20;
    for (const Task& task : tasks) {
      if (fs::exists(task.evidence)) rank(task, *ranker, limit);
    }
    return 0;
  }
  if (command == "features") {
    Writer writer(options);
    for (const Task& task : tasks) {
      if (fs::exists(task.evidence)) writer.write(task);
    }
    return 0;
  }
  std::fputs(kUsage, stderr);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (argc < 2 || !options.contains("--bugs") || !options.contains("--tasks") ||
      !options.contains("--evidence")) {
    std::fputs(kUsage, stderr);
    return argc == 2 && std::string(argv[1]) == "--help" ? 0 : 1;
  }
  try {
    return run(argv[1], options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fledgling_place: %s\n", error.what());
    return 1;
  }
}
