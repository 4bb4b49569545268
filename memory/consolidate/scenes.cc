#include "memory/consolidate/scenes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include "memory/ingest/annotate.h"
#include "memory/ingest/ingest.h"
#include "memory/ingest/segment.h"

namespace corvid::memory {
namespace {

using std::chrono::days;

// On long chats higher ones join next to nothing.
constexpr double kJoinCosine = 0.35;   // of vectors less the mean of all
constexpr double kJoinWords = 0.20;
constexpr double kMergeCosine = 0.85;
constexpr size_t kWordsKept = 16;      // that set a cell apart
constexpr size_t kManyCells = 8;       // from here on single words are no sign
constexpr size_t kLabelWords = 4;
constexpr size_t kSummaryCells = 3;

struct Cell {
  MemCell cell{};
  std::vector<float> vector{};          // the mean of its turns
  std::map<std::string, double> count{};
  std::map<std::string, double> words{};  // kWordsKept of them, with their weights
};

struct Scene {
  std::vector<size_t> cells{};
  std::vector<float> sum{};
  std::map<std::string, double> words{};  // summed weights
  Time from{}, to{};
};

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  const double length = std::sqrt(dot(a, a) * dot(b, b));
  return length > 0 ? dot(a, b) / length : 0.0;
}

void add(std::vector<float>& sum, const std::vector<float>& more) {
  if (sum.size() < more.size()) sum.resize(more.size(), 0.0f);
  for (size_t i = 0; i < more.size(); ++i) sum[i] += more[i];
}

class Finder {
 public:
  Finder(const Store& store, std::span<const ScopeId> scopes, const std::string& embedder)
      : store_(store), scopes_(scopes) {
    read_cells();
    if (!embedder.empty()) read_vectors(embedder);
    choose_words();
  }

  std::vector<MemScene> run() {
    for (size_t i = 0; i < cells_.size(); ++i) place(i);
    merge();
    std::vector<MemScene> out;
    const auto notes = store_.scene_notes();
    for (const Scene& scene : scenes_) {
      if (scene.cells.empty()) continue;
      out.push_back(describe(scene));
      const auto note = notes.find(out.back().cells);
      if (note != notes.end()) out.back().summary = note->second;
    }
    return out;
  }

 private:
  void read_cells();
  void read_vectors(const std::string& embedder);
  void choose_words();
  void place(size_t i);
  void join(Scene& scene, size_t i);
  void merge();
  double likeness(const Scene& scene, const Cell& cell) const;
  MemScene describe(const Scene& scene) const;

  const Store& store_;
  std::span<const ScopeId> scopes_;
  std::vector<Cell> cells_;
  std::map<std::string, double> holding_;  // cells that hold a word
  std::vector<Scene> scenes_;
};

void Finder::read_cells() {
  for (MemCell& cell : store_.cells(scopes_, std::numeric_limits<int>::max())) {
    cells_.push_back({.cell = std::move(cell)});
  }
  std::ranges::sort(cells_, [](const Cell& a, const Cell& b) {
    return a.cell.opened_at != b.cell.opened_at ? a.cell.opened_at < b.cell.opened_at
                                                : a.cell.id < b.cell.id;
  });
  for (Cell& cell : cells_) {
    const std::vector<Turn> turns = current_turns(store_, cell.cell);
    if (cell.cell.is_open) {
      if (!turns.empty()) cell.cell.closed_at = turns.back().said_at;
      derive_cell(cell.cell, turns);
    }
    for (const Turn& turn : turns) {
      if (turn.tier <= Tier::tool) continue;
      for (std::string& word : words_of(turn.text)) {
        if (!is_stop_word(word) && word.size() > 2) cell.count[std::move(word)] += 1;
      }
    }
    for (const auto& [word, count] : cell.count) holding_[word] += 1;
  }
}

void Finder::read_vectors(const std::string& embedder) {
  std::unordered_map<TurnId, size_t> cell_of;
  for (size_t i = 0; i < cells_.size(); ++i) {
    for (const TurnId turn : cells_[i].cell.turns) cell_of[turn] = i;
  }
  std::vector<float> mean;
  store_.for_each_vector(scopes_, embedder, 0, [&](TurnId turn, std::span<const int8_t> bytes) {
    const auto place = cell_of.find(turn);
    std::vector<float> vector(bytes.begin(), bytes.end());
    const double length = std::sqrt(dot(vector, vector));
    if (place == cell_of.end() || !(length > 0)) return;
    for (float& value : vector) value = static_cast<float>(value / length);
    add(cells_[place->second].vector, vector);
  });
  // What all of them have in common says nothing of likeness.
  for (Cell& cell : cells_) {
    const double length = std::sqrt(dot(cell.vector, cell.vector));
    for (float& value : cell.vector) value = static_cast<float>(value / std::max(length, 1e-9));
    add(mean, cell.vector);
  }
  const auto count = static_cast<float>(std::max<size_t>(cells_.size(), 1));
  if (cells_.size() < kManyCells) return;
  for (Cell& cell : cells_) {
    for (size_t k = 0; k < cell.vector.size(); ++k) cell.vector[k] -= mean[k] / count;
  }
}

void Finder::choose_words() {
  const auto all = static_cast<double>(cells_.size());
  for (Cell& cell : cells_) {
    std::vector<std::pair<double, std::string>> ranked;
    for (const auto& [word, count] : cell.count) {
      // A word of one cell cannot join it to another; one of most cells says nothing.
      const double held = holding_[word];
      if (cells_.size() >= kManyCells && (held < 2 || held > all / 2)) continue;
      ranked.emplace_back(-(1 + std::log(count)) * std::log((all + 1) / held), word);
    }
    std::ranges::sort(ranked);
    if (ranked.size() > kWordsKept) ranked.resize(kWordsKept);
    for (auto& [score, word] : ranked) cell.words.emplace(std::move(word), -score);
  }
}

// 1 or more: they belong together.
double Finder::likeness(const Scene& scene, const Cell& cell) const {
  double shared = 0;
  for (const auto& [word, weight] : cell.words) shared += scene.words.contains(word);
  const double all = static_cast<double>(
      cell.words.size() + std::min(scene.words.size(), kWordsKept)) - shared;
  const double by_words = all > 0 ? shared / all / kJoinWords : 0.0;
  return std::max(by_words, cosine(scene.sum, cell.vector) / kJoinCosine);
}

void Finder::join(Scene& scene, size_t i) {
  const Cell& cell = cells_[i];
  if (scene.cells.empty()) scene.from = cell.cell.opened_at;
  scene.cells.push_back(i);
  scene.to = std::max({scene.to, cell.cell.opened_at, cell.cell.closed_at});
  add(scene.sum, cell.vector);
  for (const auto& [word, weight] : cell.words) scene.words[word] += weight;
}

void Finder::place(size_t i) {
  Scene* best = nullptr;
  double best_likeness = 1.0;
  for (Scene& scene : scenes_) {
    if (cells_[i].cell.opened_at - scene.to > days(kSceneGapDays)) continue;
    if (scene.cells.size() >= kSceneCellsMax) continue;
    const double like = likeness(scene, cells_[i]);
    if (like < best_likeness) continue;
    best = &scene;
    best_likeness = like;
  }
  join(best != nullptr ? *best : scenes_.emplace_back(), i);
}

void Finder::merge() {
  for (size_t a = 0; a < scenes_.size(); ++a) {
    for (size_t b = a + 1; b < scenes_.size(); ++b) {
      Scene& first = scenes_[a];
      Scene& second = scenes_[b];
      if (first.cells.empty() || second.cells.empty()) continue;
      if (second.from - first.to > days(kSceneGapDays)) continue;
      if (first.cells.size() + second.cells.size() > kSceneCellsMax) continue;
      if (cosine(first.sum, second.sum) < kMergeCosine) continue;
      for (const size_t cell : second.cells) join(first, cell);
      std::ranges::sort(first.cells);
      second = Scene();
    }
  }
}

MemScene Finder::describe(const Scene& scene) const {
  MemScene out{.id = "s" + std::to_string(cells_[scene.cells.front()].cell.id)};
  std::vector<std::pair<double, std::string>> ranked;
  for (const auto& [word, weight] : scene.words) {
    const auto held = std::ranges::count_if(
        scene.cells, [&](size_t index) { return cells_[index].words.contains(word); });
    ranked.emplace_back(-weight * static_cast<double>(held), word);
  }
  std::ranges::sort(ranked);
  for (size_t i = 0; i < ranked.size() && i < kLabelWords; ++i) {
    out.label += (i == 0 ? "" : ", ") + ranked[i].second;
  }
  for (const size_t index : scene.cells) {
    const MemCell& cell = cells_[index].cell;
    out.cells.push_back(cell.id);
    out.turn_count += static_cast<int64_t>(cell.turns.size());
    if (out.cells.size() > kSummaryCells) continue;
    const std::string line = cell.episode.substr(0, cell.episode.find('\n'));
    if (!line.empty()) out.summary += (out.summary.empty() ? "" : "\n") + line;
  }
  out.from = scene.from;
  out.to = scene.to;
  return out;
}

}  // namespace

std::vector<MemScene> find_scenes(const Store& store, std::span<const ScopeId> scopes,
                                  const std::string& embedder) {
  return Finder(store, scopes, embedder).run();
}

}  // namespace corvid::memory
