#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <unordered_set>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/text.h"
#include "tools/edit_candidates.h"
#include "tools/edits/place.h"
#include "tools/edits/weights.h"

namespace corvid::tools {

namespace {

using edits::Candidate;
using edits::Kind;
using edits::Operation;
using edits::Unit;

constexpr int64_t kTableBytesMax = 64 << 20;
constexpr size_t kFileBytesMax = 2 << 20;
constexpr size_t kUnitsMax = 240;           // visited, most probable first
constexpr size_t kCandidatesMax = 150'000;  // over all units
constexpr float kUnitMargin = 24;           // log-weight below the best at which units are left out
constexpr size_t kModelUnitsMax = 12;
constexpr int kModelLinesMax = 600;  // over all units that the model is asked about
constexpr size_t kSlipEvery = 5;     // every so manyth place is the second order's

struct Tables {
  edits::NgramTable ngrams;
  edits::Weights weights;
};

struct File {
  const SourceFile* file = nullptr;
  const Tables* tables = nullptr;
  std::unique_ptr<edits::Source> source;
  std::unique_ptr<edits::FileModel> model;  // made when the first of its units is visited
};

struct Visit {
  File* file = nullptr;
  const Unit* unit = nullptr;
  float weight = 0;
  bool is_named = false;
  std::vector<EditCandidate> candidates;
  std::vector<float> logits;  // of the candidates, against all candidates of the project
  std::vector<float> slips;   // the same by the second order; kNoSlip for other kinds
};

constexpr float kNoSlip = -1e30f;

// In place: x - log sum exp x.
void log_softmax(std::vector<float>& x) {
  if (x.empty()) return;
  const float top = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float value : x) sum += std::exp(static_cast<double>(value - top));
  for (float& value : x) value -= top + static_cast<float>(std::log(sum));
}

EditCandidate make_candidate(const File& file, const Candidate& c) {
  EditCandidate out;
  out.path = file.file->path;
  out.line = c.line + 1;
  if (c.operation != Operation::insert) out.old_text = std::string(file.source->line(c.line));
  out.new_text = c.text;
  out.kind = std::string(edits::kind_name(c.kind));
  return out;
}

bool is_asked_for(const Unit& unit, const EditOptions& options) {
  return (options.first_line == 0 || unit.last_line + 1 >= options.first_line) &&
         (options.last_line == 0 || unit.first_line + 1 <= options.last_line);
}

// Kinds of slips that people make everywhere, whatever the text around them makes likely.
bool is_slip(Kind kind) {
  switch (kind) {
    case Kind::compare_edge:
    case Kind::compare_turn:
    case Kind::arithmetic:
    case Kind::sign_turn:
    case Kind::boolean:
    case Kind::augmented:
    case Kind::step_turn:
    case Kind::swap_operands:
    case Kind::swap_arguments:
    case Kind::truth:
    case Kind::number:
    case Kind::minus:
    case Kind::opposite:
    case Kind::attribute:
    case Kind::variable:
    case Kind::off_by_one:
    case Kind::index:
    case Kind::add_not:
    case Kind::drop_not:
    case Kind::arrow:
    case Kind::assignment:
      return true;
    default:
      return false;
  }
}

// The second order: within a unit every kind of slip has the same share, which its candidates
// divide by their logits; between units and lines only the place counts.
std::vector<float> second_order(const std::vector<Candidate>& all, const std::vector<float>& logits,
                                const std::vector<float>& place_of_line, float unit_weight) {
  std::map<Kind, std::pair<double, float>> sums;  // sum of exp(logit - unit_weight), best line
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_slip(all[i].kind)) continue;
    const auto [entry, is_new] = sums.try_emplace(all[i].kind, 0.0, place_of_line[i]);
    entry->second.first += std::exp(double(logits[i] - unit_weight));
    entry->second.second = std::max(entry->second.second, place_of_line[i]);
  }
  std::vector<float> scores(all.size(), kNoSlip);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto sum = sums.find(all[i].kind);
    if (sum == sums.end()) continue;
    scores[i] = logits[i] - float(std::log(sum->second.first)) + sum->second.second;
  }
  return scores;
}

}  // namespace

struct EditRanker::Impl {
  std::map<const edits::Language*, Tables> tables;

  std::vector<File> open(std::span<const SourceFile> files, const EditOptions& options) const;
  std::vector<Visit> plan(std::vector<File>& files, const edits::Place& place,
                          const EditOptions& options) const;
  void enumerate(Visit& visit, const edits::Place& place, const EditOptions& options) const;
};

std::vector<File> EditRanker::Impl::open(std::span<const SourceFile> files,
                                         const EditOptions& options) const {
  std::vector<File> out;
  for (const SourceFile& file : files) {
    const bool is_wanted =
        options.path.empty() ? !edits::is_test_file(file.path) : file.path == options.path;
    const edits::Language* language = edits::language_of(file.path);
    const auto found = tables.find(language);
    if (!is_wanted || found == tables.end() || file.text.size() > kFileBytesMax) continue;
    out.push_back({&file, &found->second, std::make_unique<edits::Source>(file.text, *language),
                   nullptr});
  }
  std::sort(out.begin(), out.end(),
            [](const File& a, const File& b) { return a.file->path < b.file->path; });
  return out;
}

// The units worth a visit, most probable first.
std::vector<Visit> EditRanker::Impl::plan(std::vector<File>& files, const edits::Place& place,
                                          const EditOptions& options) const {
  std::vector<Visit> out;
  bool any_named = false;
  for (File& file : files) {
    for (const Unit& unit : file.source->units()) {
      if (!is_asked_for(unit, options)) continue;
      Visit visit;
      visit.file = &file;
      visit.unit = &unit;
      visit.weight = place.unit(file.file->path, *file.source, unit);
      visit.is_named = place.is_named(file.file->path, unit);
      any_named = any_named || visit.is_named;
      out.push_back(std::move(visit));
    }
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Visit& a, const Visit& b) { return a.weight > b.weight; });
  const bool is_random = options.ranking == EditRanking::random;
  if (is_random && any_named) std::erase_if(out, [](const Visit& v) { return !v.is_named; });
  if (!out.empty() && !is_random) {
    const float lowest = out.front().weight - kUnitMargin;
    std::erase_if(out, [&](const Visit& v) { return v.weight < lowest; });
    if (out.size() > kUnitsMax) out.resize(kUnitsMax);
  }
  return out;
}

void EditRanker::Impl::enumerate(Visit& visit, const edits::Place& place,
                                 const EditOptions& options) const {
  File& file = *visit.file;
  if (file.model == nullptr) {
    file.model =
        std::make_unique<edits::FileModel>(*file.source, file.tables->ngrams);
  }
  const edits::UnitFacts facts(*file.source, *visit.unit, file.model->facts);
  edits::Candidates candidates(*file.source, file.model->vocabulary);
  edits::generate({*file.source, *visit.unit, file.model->facts, facts, candidates});
  const bool is_random = options.ranking == EditRanking::random;
  const std::vector<Candidate>& all = candidates.all();
  std::vector<float> logits(all.size(), 0.0f);
  std::vector<float> slips(all.size(), kNoSlip);
  if (!is_random) {
    const auto features = edits::features_of(*file.model, *visit.unit, facts, candidates);
    const auto lines = place.line_terms(file.file->path, *file.source, *visit.unit);
    std::vector<float> place_of_line(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      place_of_line[i] = edits::weigh(lines[edits::line_of(all[i], *visit.unit, lines)]);
      logits[i] = visit.weight + place_of_line[i] + place.candidate(*file.source, all[i]) +
                  file.tables->weights.score(&features[i * edits::kFeatureCount], all[i].kind);
    }
    slips = second_order(all, logits, place_of_line, visit.weight);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const Candidate& c = all[i];
    const bool is_outside = (options.first_line > 0 && c.line + 1 < options.first_line) ||
                            (options.last_line > 0 && c.line + 1 > options.last_line);
    if (is_outside) continue;
    visit.candidates.push_back(make_candidate(file, c));
    visit.logits.push_back(logits[i]);
    visit.slips.push_back(slips[i]);
  }
}

namespace {

// Adds the model's log-odds for the units that hold the best candidates so far.
void ask_model(std::vector<Visit>& visits, const edits::Place& place, const RankEdits& model) {
  std::vector<size_t> order(visits.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<float> best(visits.size(), -1e30f);
  for (size_t i = 0; i < visits.size(); ++i) {
    const std::vector<float>& scores = visits[i].logits;
    if (!scores.empty()) best[i] = *std::max_element(scores.begin(), scores.end());
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return best[a] > best[b]; });
  int lines_left = kModelLinesMax;
  for (size_t k = 0; k < std::min(order.size(), kModelUnitsMax); ++k) {
    Visit& visit = visits[order[k]];
    const Unit& unit = *visit.unit;
    lines_left -= unit.last_line - unit.first_line + 1;
    if (visit.candidates.empty() || (lines_left < 0 && k > 0)) continue;
    std::vector<std::string> lines;
    for (int i = unit.first_line; i <= unit.last_line; ++i) {
      lines.emplace_back(visit.file->source->line(i));
    }
    RankRequest request;
    request.path = visit.file->file->path;
    request.first_line = unit.first_line + 1;
    request.lines = lines;
    request.hint_line = place.hint(visit.file->file->path, unit);
    request.candidates = visit.candidates;
    const std::vector<float> odds = model(request);
    if (odds.empty()) continue;
    if (odds.size() != visit.logits.size()) fail(Code::invalid, "a model scored other candidates");
    for (size_t i = 0; i < odds.size(); ++i) visit.logits[i] += odds[i];
  }
}

// Puts the best of the second order at every kSlipEvery-th place of the first `limit`, so that a
// repair that the text makes unlikely is reached all the same. None is there twice.
void interleave(std::vector<size_t>& order, const std::vector<float>& slips, size_t limit) {
  std::vector<size_t> second;
  for (size_t i = 0; i < slips.size(); ++i) {
    if (slips[i] > kNoSlip) second.push_back(i);
  }
  const size_t count = std::min(second.size(), limit);
  std::partial_sort(
      second.begin(), second.begin() + static_cast<long>(count), second.end(),
      [&](size_t a, size_t b) { return slips[a] != slips[b] ? slips[a] > slips[b] : a < b; });
  std::vector<size_t> merged;
  std::unordered_set<size_t> taken;
  size_t from_first = 0, from_second = 0;
  while (merged.size() < limit) {
    const bool is_seconds_turn = (merged.size() + 1) % kSlipEvery == 0 && from_second < count;
    const size_t next = is_seconds_turn ? second[from_second++] : order[from_first++];
    if (taken.insert(next).second) merged.push_back(next);
  }
  std::copy(merged.begin(), merged.end(), order.begin());
}

// All candidates of the visits in one order, none twice.
std::vector<EditCandidate> collect(std::vector<Visit>& visits, const EditOptions& options) {
  std::vector<float> scores, slips, kept_slips;
  for (const Visit& visit : visits) {
    scores.insert(scores.end(), visit.logits.begin(), visit.logits.end());
    slips.insert(slips.end(), visit.slips.begin(), visit.slips.end());
  }
  log_softmax(scores);
  size_t next = 0;
  std::vector<EditCandidate> all;
  std::unordered_set<uint64_t> seen;
  for (size_t k = 0; k < visits.size(); ++k) {
    for (size_t i = 0; i < visits[k].candidates.size(); ++i) {
      EditCandidate& c = visits[k].candidates[i];
      c.score = scores[next];
      const float slip = slips[next++];
      const std::string key =
          c.path + "\n" + std::to_string(c.line) + (c.old_text.empty() ? "+" : "-");
      if (!seen.insert(fnv1a(c.new_text, fnv1a(key))).second) continue;
      all.push_back(std::move(c));
      kept_slips.push_back(slip);
    }
    visits[k].candidates.clear();
  }
  const size_t limit = std::min(all.size(), static_cast<size_t>(std::max(0, options.limit)));
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  if (options.ranking == EditRanking::random) {
    std::mt19937_64 random(options.seed);
    // Not std::shuffle: its order differs between standard libraries.
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    for (EditCandidate& c : all) c.score = -std::log(static_cast<double>(all.size()));
  } else {
    const auto before = [&](size_t a, size_t b) {
      return all[a].score != all[b].score ? all[a].score > all[b].score : a < b;
    };
    std::partial_sort(order.begin(), order.begin() + static_cast<long>(limit), order.end(), before);
    interleave(order, kept_slips, limit);
  }
  std::vector<EditCandidate> out;
  for (size_t i = 0; i < limit; ++i) out.push_back(std::move(all[order[i]]));
  return out;
}

}  // namespace

EditRanker::EditRanker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EditRanker::~EditRanker() = default;

std::vector<std::string> edit_languages() {
  std::vector<std::string> names;
  for (const edits::Language* language : edits::languages()) names.emplace_back(language->name);
  return names;
}

bool has_edits(std::string_view path) { return edits::language_of(path) != nullptr; }

std::unique_ptr<EditRanker> EditRanker::load(
    const std::map<std::string, std::filesystem::path>& tables) {
  auto impl = std::make_unique<Impl>();
  for (const auto& [name, path] : tables) {
    const std::string what = path.string();
    const edits::TableFile file = edits::unpack_tables(read_file(path, kTableBytesMax), what);
    impl->tables[&edits::find_language(name)] = {edits::NgramTable(file.ngrams, what),
                                                 edits::unpack_weights(file.weights, what)};
  }
  return std::unique_ptr<EditRanker>(new EditRanker(std::move(impl)));
}

std::vector<EditCandidate> EditRanker::rank(std::span<const SourceFile> files,
                                            const Evidence& evidence, const EditOptions& options,
                                            const RankEdits& model) const {
  std::vector<File> opened = impl_->open(files, options);
  const edits::Place place(evidence, files);
  std::vector<Visit> visits = impl_->plan(opened, place, options);
  size_t count = 0;
  for (Visit& visit : visits) {
    if (count > kCandidatesMax) break;
    impl_->enumerate(visit, place, options);
    count += visit.candidates.size();
  }
  if (options.ranking == EditRanking::model && model) ask_model(visits, place, model);
  return collect(visits, options);
}

}  // namespace corvid::tools
