#include <algorithm>
#include <cmath>
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
using edits::Operation;
using edits::Unit;

constexpr int64_t kTableBytesMax = 64 << 20;
constexpr size_t kFileBytesMax = 2 << 20;
constexpr size_t kUnitsMax = 240;           // visited, most probable first
constexpr size_t kCandidatesMax = 150'000;  // over all units
constexpr float kUnitMargin = 24;           // log-weight below the best at which units are left out
constexpr size_t kModelUnitsMax = 12;
constexpr int kModelLinesMax = 600;  // over all units that the model is asked about

struct File {
  const SourceFile* file = nullptr;
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
};

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

}  // namespace

struct EditRanker::Impl {
  edits::NgramTable table;
  edits::Weights weights;

  std::vector<File> open(std::span<const SourceFile> files, const EditOptions& options) const;
  std::vector<Visit> plan(std::vector<File>& files, const edits::Place& place,
                          const EditOptions& options) const;
  void enumerate(Visit& visit, const edits::Place& place, const EditOptions& options) const;
};

std::vector<File> EditRanker::Impl::open(std::span<const SourceFile> files,
                                         const EditOptions& options) const {
  std::vector<File> out;
  for (const SourceFile& file : files) {
    const bool is_wanted = options.path.empty()
                               ? file.path.ends_with(".py") && !edits::is_test_file(file.path)
                               : file.path == options.path;
    if (!is_wanted || file.text.size() > kFileBytesMax) continue;
    out.push_back({&file, std::make_unique<edits::Source>(file.text), nullptr});
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
      visit.weight = place.unit(file.file->path, unit);
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
  if (file.model == nullptr) file.model = std::make_unique<edits::FileModel>(*file.source, table);
  const edits::UnitFacts facts(*file.source, *visit.unit, file.model->facts);
  edits::Candidates candidates(*file.source, file.model->vocabulary);
  edits::generate({*file.source, *visit.unit, file.model->facts, facts, candidates});
  const bool is_random = options.ranking == EditRanking::random;
  const std::vector<Candidate>& all = candidates.all();
  std::vector<float> logits(all.size(), 0.0f);
  if (!is_random) {
    const auto features = edits::features_of(*file.model, *visit.unit, facts, candidates);
    const auto lines = place.line_terms(file.file->path, *file.source, *visit.unit);
    for (size_t i = 0; i < all.size(); ++i) {
      logits[i] = visit.weight + edits::weigh(lines[edits::line_of(all[i], *visit.unit, lines)]) +
                  weights.score(&features[i * edits::kFeatureCount], all[i].kind);
    }
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const Candidate& c = all[i];
    const bool is_outside = (options.first_line > 0 && c.line + 1 < options.first_line) ||
                            (options.last_line > 0 && c.line + 1 > options.last_line);
    if (is_outside) continue;
    visit.candidates.push_back(make_candidate(file, c));
    visit.logits.push_back(logits[i]);
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

// All candidates of the visits in one order, none twice.
std::vector<EditCandidate> collect(std::vector<Visit>& visits, const EditOptions& options) {
  std::vector<float> scores;
  for (const Visit& visit : visits) {
    scores.insert(scores.end(), visit.logits.begin(), visit.logits.end());
  }
  log_softmax(scores);
  size_t next = 0;
  std::vector<EditCandidate> all;
  std::unordered_set<uint64_t> seen;
  for (size_t k = 0; k < visits.size(); ++k) {
    for (size_t i = 0; i < visits[k].candidates.size(); ++i) {
      EditCandidate& c = visits[k].candidates[i];
      c.score = scores[next++];
      const std::string key =
          c.path + "\n" + std::to_string(c.line) + (c.old_text.empty() ? "+" : "-");
      if (seen.insert(fnv1a(c.new_text, fnv1a(key))).second) all.push_back(std::move(c));
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
  }
  std::vector<EditCandidate> out;
  for (size_t i = 0; i < limit; ++i) out.push_back(std::move(all[order[i]]));
  return out;
}

}  // namespace

EditRanker::EditRanker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EditRanker::~EditRanker() = default;

std::unique_ptr<EditRanker> EditRanker::load(const std::filesystem::path& tables) {
  const std::string what = tables.string();
  const edits::TableFile file = edits::unpack_tables(read_file(tables, kTableBytesMax), what);
  auto impl = std::make_unique<Impl>();
  impl->table = edits::NgramTable(file.ngrams, what);
  impl->weights = edits::unpack_weights(file.weights, what);
  return std::unique_ptr<EditRanker>(new EditRanker(std::move(impl)));
}

std::vector<EditCandidate> EditRanker::rank(std::span<const SourceFile> files,
                                            const Evidence& evidence, const EditOptions& options,
                                            const RankEdits& model) const {
  std::vector<File> opened = impl_->open(files, options);
  const edits::Place place(evidence);
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
