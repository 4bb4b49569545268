// Enumerates the repairs of known bugs and writes them down: features for fit_ranker.py, or the
// candidates themselves for train.py.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"
#include "tools/edits/weights.h"

namespace {

using namespace corvid;
using namespace corvid::tools::edits;

constexpr const char* kUsage =
    R"(usage: fledgling_dump --bugs FILE --src FOLDER --tables FILE [options]
  --bugs FILE        JSON lines of mutate.py, or of tests/bench/repair (tasks.jsonl)
  --src FOLDER       the folder that the bugs' `file` is in; that of prepare.py's tasks, where those
                     that are not there are left out
  --tables FILE      n-grams and weights
  --language NAME    of the functions: python (the default) or c
  --features PREFIX  writes PREFIX.f32 (features, row-major, one row per candidate), PREFIX.cand
                     (per candidate uint16 line, uint8 kind, uint8 operation) and PREFIX.jsonl (per
                     bug: package, kind, line, count = candidates, label = index of the right one or
                     -1, total = candidates before --sample); PREFIX.names lists the features, then
                     the kinds
  --sample N         keeps N candidates drawn at random beside the right one in --features
  --ranks FILE       writes JSON lines, per bug: id (of a task), package, kind, rank (of the right
                     one, from 1; 0 where there is none), by (its kind), count, buggy, correct
  --candidates FILE  writes JSON lines, per bug: id, package, path, kind, first_line, line (all
                     1-based, of the buggy file), lines (the function, verbatim), label (index into
                     c or -1), c: [[line, operation, text, kind, score], ...], operation 0 replaces
                     the line by text, 1 inserts text before it, 2 deletes it; score is the tables'
                     logit (a softmax over c gives the tables' probability)
  --top N            keeps the N best candidates in --candidates (the right one always)
  --limit N          stops after N bugs
  --part I/N         only the bugs whose number leaves rest I when divided by N
  --kinds yes        prints how many candidates of every kind there were, and right ones
  --without NAMES    leaves out packages, separated by commas
)";

struct Bug {
  Json record;
  std::string text;  // of the buggy file
  int line = 0;      // 0-based, in the buggy file
};

bool is_task(const Json& record) { return !record.contains("first_line"); }

std::string path_of(const Json& record, const std::string& source_root) {
  const std::string folder = is_task(record) ? json_string(record, "id") + "/" : "";
  return source_root + "/" + folder + json_string(record, "file");
}

Bug read_bug(const Json& record, const std::string& source_root) {
  Bug bug;
  bug.record = record;
  const std::string text = read_file(path_of(record, source_root));
  bug.line = static_cast<int>(bug.record["line"].get<int>()) - 1;
  if (is_task(record)) bug.text = to_utf8(text);  // with its bug in it
  if (is_task(record)) return bug;
  int at = 0;
  for (const std::string_view part : split_lines(text)) {
    if (at++ == bug.line) {
      if (json_bool_or(bug.record, "deleted", false)) continue;
      bug.text += json_string(bug.record, "buggy") + "\n";
      if (json_bool_or(bug.record, "extra", false)) bug.text.append(part).append("\n");
    } else {
      bug.text.append(part).append("\n");
    }
  }
  return bug;
}

bool is_blank(const Source& source, int line) {
  const std::string_view text = trim(source.line(line));
  return text.empty() || text.starts_with(source.language().comment);
}

// Whether a candidate gives back the correct line; an insertion may stand on the other side of
// blank lines and comments.
bool is_right(const Source& source, const Bug& bug, const Candidate& c) {
  if (json_bool_or(bug.record, "extra", false)) {
    return c.operation == Operation::erase && c.line == bug.line;
  }
  const std::string correct = bug.record["correct"].get<std::string>();
  if (line_hash(c.text) != line_hash(correct)) return false;
  if (!json_bool_or(bug.record, "deleted", false)) {
    return c.operation == Operation::replace && c.line == bug.line;
  }
  if (c.operation != Operation::insert) return false;
  if (c.text.find_first_not_of(" \t") != correct.find_first_not_of(" \t")) return false;
  for (int i = std::min(c.line, bug.line); i < std::max(c.line, bug.line); ++i) {
    if (i >= source.line_count() || !is_blank(source, i)) return false;
  }
  return true;
}

struct Scored {
  const Source* source = nullptr;
  const Unit* unit = nullptr;
  const std::vector<Candidate>* candidates = nullptr;
  std::vector<float> features;
  int label = -1;
};

class Writer {
 public:
  Writer(std::map<std::string, std::string>& options, const Weights& weights)
      : weights_(weights),
        top_(options.contains("--top") ? std::stoul(options["--top"]) : 100000),
        sample_(options.contains("--sample") ? std::stoul(options["--sample"]) : 100000) {
    if (options.contains("--candidates")) lines_.open(options["--candidates"]);
    if (options.contains("--ranks")) ranks_.open(options["--ranks"]);
    if (!options.contains("--features")) return;
    const std::string& prefix = options["--features"];
    features_.open(prefix + ".f32", std::ios::binary);
    places_.open(prefix + ".cand", std::ios::binary);
    bugs_.open(prefix + ".jsonl");
    std::ofstream names(prefix + ".names");
    for (int i = 0; i < kFeatureCount; ++i) names << feature_name(i) << "\n";
    for (int i = 0; i < kKindCount; ++i) names << kind_name(static_cast<Kind>(i)) << "\n";
  }

  // Candidates and right ones of every kind, as a table.
  void print_kinds() const {
    for (size_t k = 0; k < kKindCount; ++k) {
      std::fprintf(stderr, "%-20s %9zu candidates %6zu right\n",
                   std::string(kind_name(static_cast<Kind>(k))).c_str(), made_[k], right_[k]);
    }
  }

  void write(const Bug& bug, const Scored& scored) {
    for (const Candidate& c : *scored.candidates) ++made_[static_cast<size_t>(c.kind)];
    if (scored.label >= 0) {
      ++right_[static_cast<size_t>((*scored.candidates)[static_cast<size_t>(scored.label)].kind)];
    }
    if (bugs_.is_open()) write_features(bug, scored);
    if (lines_.is_open()) write_candidates(bug, scored);
    if (ranks_.is_open()) write_rank(bug, scored);
    ++count_;
  }

 private:
  // The candidates to keep, in order: all, or some drawn by the bug's number and the right one.
  std::vector<size_t> drawn(const Scored& s) const {
    std::vector<size_t> order(s.candidates->size());
    std::iota(order.begin(), order.end(), size_t{0});
    if (order.size() <= sample_ + 1) return order;
    std::mt19937_64 random(count_);
    for (size_t i = 0; i < sample_; ++i)
      std::swap(order[i], order[i + random() % (order.size() - i)]);
    order.resize(sample_);
    if (s.label >= 0) order.push_back(static_cast<size_t>(s.label));
    std::sort(order.begin(), order.end());
    order.erase(std::unique(order.begin(), order.end()), order.end());
    return order;
  }

  void write_features(const Bug& bug, const Scored& s) {
    const std::vector<size_t> kept = drawn(s);
    int label = -1;
    for (size_t k = 0; k < kept.size(); ++k) {
      const Candidate& c = (*s.candidates)[kept[k]];
      if (static_cast<int>(kept[k]) == s.label) label = static_cast<int>(k);
      features_.write(reinterpret_cast<const char*>(&s.features[kept[k] * kFeatureCount]),
                      static_cast<std::streamsize>(kFeatureCount * sizeof(float)));
      const auto line = static_cast<uint16_t>(c.line - s.unit->first_line);
      const char bytes[4] = {static_cast<char>(line & 255), static_cast<char>(line >> 8),
                             static_cast<char>(c.kind), static_cast<char>(c.operation)};
      places_.write(bytes, 4);
    }
    const Json out = {{"package", bug.record["package"]},
                      {"kind", bug.record["kind"]},
                      {"line", bug.line - s.unit->first_line},
                      {"count", kept.size()},
                      {"total", s.candidates->size()},
                      {"label", label},
                      {"lines", s.unit->last_line - s.unit->first_line + 1}};
    bugs_ << dump_json(out) << "\n";
  }

  void write_rank(const Bug& bug, const Scored& s) {
    const std::vector<Candidate>& all = *s.candidates;
    size_t rank = 0;
    if (s.label >= 0) {
      const auto score = [&](size_t i) {
        return weights_.score(&s.features[i * kFeatureCount], all[i].kind);
      };
      const float right = score(static_cast<size_t>(s.label));
      rank = 1;
      for (size_t i = 0; i < all.size(); ++i) rank += score(i) > right;
    }
    const Json out = {{"id", is_task(bug.record) ? bug.record["id"] : Json()},
                      {"package", bug.record["package"]},
                      {"kind", bug.record["kind"]},
                      {"rank", rank},
                      {"count", all.size()},
                      {"by", s.label < 0 ? "" : kind_name(all[static_cast<size_t>(s.label)].kind)},
                      {"buggy", trim(json_string(bug.record, "buggy"))},
                      {"correct", trim(json_string(bug.record, "correct"))}};
    ranks_ << dump_json(out) << "\n";
  }

  void write_candidates(const Bug& bug, const Scored& s) {
    const std::vector<Candidate>& all = *s.candidates;
    std::vector<float> scores(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      scores[i] = weights_.score(&s.features[i * kFeatureCount], all[i].kind);
    }
    std::vector<size_t> order(all.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    Json rows = Json::array();
    int label = -1;
    for (size_t rank = 0; rank < order.size(); ++rank) {
      const size_t i = order[rank];
      const bool is_label = static_cast<int>(i) == s.label;
      if (rank >= top_ && !is_label) continue;
      if (is_label) label = static_cast<int>(rows.size());
      rows.push_back({all[i].line + 1, static_cast<int>(all[i].operation), all[i].text,
                      kind_name(all[i].kind),
                      std::round(static_cast<double>(scores[i]) * 100) / 100});
    }
    Json lines = Json::array();
    for (int i = s.unit->first_line; i <= s.unit->last_line; ++i)
      lines.push_back(s.source->line(i));
    const Json out = {{"id", count_},
                      {"package", bug.record["package"]},
                      {"path", bug.record["path"]},
                      {"kind", bug.record["kind"]},
                      {"first_line", s.unit->first_line + 1},
                      {"line", bug.line + 1},
                      {"lines", lines},
                      {"label", label},
                      {"c", rows}};
    lines_ << dump_json(out) << "\n";
  }

  const Weights& weights_;
  size_t top_, sample_;
  size_t count_ = 0;
  std::array<size_t, kKindCount> made_{}, right_{};
  std::ofstream lines_, features_, places_, bugs_, ranks_;
};

// False: the bug's function is not found, which happens where the buggy file's blocks changed.
bool process(const Bug& bug, const Language& language, const NgramTable& table, Writer& writer) {
  const Source source(bug.text, language);
  const int at = bug.line - json_bool_or(bug.record, "deleted", false);
  const auto is_its = [&](const Unit& unit) {
    if (is_task(bug.record)) return unit.first_line <= at && at <= unit.last_line;
    return unit.first_line == bug.record["first_line"].get<int>() - 1;
  };
  for (const Unit& unit : source.units()) {
    if (!unit.is_function || !is_its(unit)) continue;
    FileModel model(source, table);
    const UnitFacts facts(source, unit, model.facts);
    Candidates candidates(source, model.vocabulary);
    generate({source, unit, model.facts, facts, candidates});
    Scored scored{&source, &unit, &candidates.all(), features_of(model, unit, facts, candidates),
                  -1};
    for (size_t i = 0; i < candidates.all().size() && scored.label < 0; ++i) {
      if (is_right(source, bug, candidates.all()[i])) scored.label = static_cast<int>(i);
    }
    writer.write(bug, scored);
    return true;
  }
  return false;
}

int run(std::map<std::string, std::string>& options) {
  const TableFile file = unpack_tables(read_file(options["--tables"]), options["--tables"]);
  const NgramTable table(file.ngrams, options["--tables"]);
  // Features need no weights, so that those of older features do not stand in the way of new ones.
  const bool is_scored = options.contains("--candidates") || options.contains("--ranks");
  const Weights weights =
      is_scored ? unpack_weights(file.weights, options["--tables"]) : plain_weights();
  const Language& language =
      find_language(options.contains("--language") ? options["--language"] : "python");
  Writer writer(options, weights);
  std::ifstream in(options["--bugs"]);
  if (!in) fail(Code::not_found, "no bugs at '" + options["--bugs"] + "'");
  const size_t limit = options.contains("--limit") ? std::stoul(options["--limit"]) : SIZE_MAX;
  size_t part = 0, parts = 1;
  if (options.contains("--part")) {
    part = std::stoul(options["--part"]);
    parts = std::stoul(options["--part"].substr(options["--part"].find('/') + 1));
  }
  const std::string without = "," + options["--without"] + ",";
  std::string line;
  size_t number = 0, written = 0, missed = 0;
  while (std::getline(in, line) && written < limit) {
    if (number++ % parts != part) continue;
    const Json record = parse_json(line, "a bug");
    const std::string path = path_of(record, options["--src"]);
    if (is_task(record) && !(language.has_file(path) && std::filesystem::exists(path))) continue;
    const Bug bug = read_bug(record, options["--src"]);
    if (without.find("," + json_string(bug.record, "package") + ",") != std::string::npos) continue;
    ++(process(bug, language, table, writer) ? written : missed);
  }
  if (options.contains("--kinds")) writer.print_kinds();
  std::fprintf(stderr, "%zu bugs written, %zu functions not found\n", written, missed);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (argc < 2 || !options.contains("--bugs") || !options.contains("--src") ||
      !options.contains("--tables")) {
    std::fputs(kUsage, stderr);
    return argc == 2 && std::string(argv[1]) == "--help" ? 0 : 1;
  }
  try {
    return run(options);
  } catch (const corvid::Error& error) {
    std::fprintf(stderr, "fledgling_dump: %s\n", error.what());
    return 1;
  }
}
