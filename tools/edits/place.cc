#include "tools/edits/place.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace corvid::tools::edits {

namespace {

// Log-weights of what the task's text says: set by judgement, not fitted.
constexpr float kMentionedPath = 1.5f, kMentionedClass = 1.5f;
constexpr float kMentionedName = 16.0f, kMentionedWord = 2.0f;
constexpr float kLinesBeforeMax = 15;

std::string_view last_part(std::string_view name) {
  const size_t dot = name.rfind('.');
  return dot == std::string_view::npos ? name : name.substr(dot + 1);
}

bool names_unit(std::string_view name, std::string_view qualname) {
  if (name == qualname) return true;
  if (name.find('.') == std::string_view::npos) return name == last_part(qualname);
  return qualname.ends_with(name) || name.ends_with("." + std::string(qualname));
}

bool same_path(std::string_view mentioned, std::string_view path) {
  return path == mentioned || path.ends_with("/" + std::string(mentioned)) ||
         mentioned.ends_with("/" + std::string(path));
}

float weigh_with(std::span<const float> terms, std::span<const float> weights) {
  return std::inner_product(terms.begin(), terms.end(), weights.begin(), 0.0f);
}

#define PLACE_UNIT(id, weight) weight,
#define PLACE_LINE(id, weight)
constexpr UnitTerms kUnitWeights = {
#include "tools/edits/place.inc"
};
#undef PLACE_UNIT
#undef PLACE_LINE
#define PLACE_UNIT(id, weight)
#define PLACE_LINE(id, weight) weight,
constexpr LineTerms kLineWeights = {
#include "tools/edits/place.inc"
};
#undef PLACE_UNIT
#undef PLACE_LINE

template <typename Term, size_t N>
float& at(std::array<float, N>& terms, Term term) {
  return terms[static_cast<size_t>(term)];
}

}  // namespace

float weigh(const UnitTerms& terms) { return weigh_with(terms, kUnitWeights); }
float weigh(const LineTerms& terms) { return weigh_with(terms, kLineWeights); }

bool is_test_file(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (const Language* language : languages()) {
    if (language->is_test_name(name)) return true;
  }
  std::string_view folders = slash == std::string_view::npos ? "" : path.substr(0, slash + 1);
  while (!folders.empty()) {
    const size_t end = folders.find('/');
    const std::string_view folder = folders.substr(0, end);
    if (folder == "test" || folder == "tests" || folder == "testing") return true;
    folders.remove_prefix(end + 1);
  }
  return false;
}

Place::Place(const Evidence& evidence, std::span<const SourceFile> files)
    : evidence_(evidence), message_(evidence.output, files), blame_(evidence.output) {
  for (const auto& [path, lines] : evidence.executed) {
    if (is_test_file(path)) continue;
    for (const auto& [line, hits] : lines) {
      const float value = spectrum(path, line - 1, line - 1).ochiai;
      if (value > 0) suspicions_.push_back(value);
    }
  }
  std::sort(suspicions_.begin(), suspicions_.end(), std::greater<>());
  for (const std::vector<Frame>& traceback : evidence.tracebacks) {
    int distance = 0;
    for (auto frame = traceback.rbegin(); frame != traceback.rend(); ++frame) {
      if (is_test_file(frame->path)) continue;
      std::vector<Mark>& marks = marks_[frame->path];
      const auto same = std::find_if(marks.begin(), marks.end(), [&](const Mark& m) {
        return m.line == frame->line && m.distance == distance;
      });
      if (same == marks.end()) {
        marks.push_back({frame->line, distance, 1});
      } else {
        ++same->count;
      }
      ++distance;
    }
  }
  paths_.insert(evidence.mentioned_paths.begin(), evidence.mentioned_paths.end());
}

const Place::Mark* Place::innermost(const std::string& path, const Unit& unit) const {
  const auto marks = marks_.find(path);
  if (marks == marks_.end()) return nullptr;
  const Mark* best = nullptr;
  for (const Mark& mark : marks->second) {
    if (mark.line < unit.first_line + 1 || mark.line > unit.last_line + 1) continue;
    const bool is_better = best == nullptr || mark.distance < best->distance ||
                           (mark.distance == best->distance && mark.count > best->count);
    if (is_better) best = &mark;
  }
  return best;
}

int Place::hint(const std::string& path, const Unit& unit) const {
  const Mark* mark = innermost(path, unit);
  return mark == nullptr ? 0 : mark->line;
}

Place::Spectrum Place::spectrum(const std::string& path, int first_line, int last_line) const {
  const auto file = evidence_.executed.find(path);
  Spectrum best;
  if (file == evidence_.executed.end()) return best;
  float highest = 0;
  for (auto it = file->second.lower_bound(first_line + 1);
       it != file->second.end() && it->first <= last_line + 1; ++it) {
    const auto failing = static_cast<float>(it->second.failing_tests);
    const auto passing = static_cast<float>(it->second.passing_tests);
    if (failing <= 0) continue;
    const float all = std::max(failing, static_cast<float>(evidence_.failing_test_count));
    const float ochiai = failing / std::sqrt(all * (failing + passing));
    if (ochiai <= highest) continue;
    highest = ochiai;
    best = {failing / all, failing / (failing + passing), ochiai};
  }
  return best;
}

int Place::lines_above(float ochiai) const {
  return static_cast<int>(std::lower_bound(suspicions_.begin(), suspicions_.end(), ochiai,
                                           std::greater<>()) -
                          suspicions_.begin());
}

int Place::lines_at(float ochiai) const {
  const auto [first, last] =
      std::equal_range(suspicions_.begin(), suspicions_.end(), ochiai, std::greater<>());
  return static_cast<int>(last - first);
}

bool Place::is_named(const std::string& path, const Unit& unit) const {
  if (!unit.is_function) return false;
  const bool path_fits =
      paths_.empty() || std::any_of(paths_.begin(), paths_.end(), [&](const auto& p) {
        return same_path(p, path) || is_test_file(p);
      });
  if (!path_fits) return false;
  return std::any_of(evidence_.mentioned_names.begin(), evidence_.mentioned_names.end(),
                     [&](const std::string& name) { return names_unit(name, unit.name); });
}

UnitTerms Place::unit_terms(const std::string& path, const Source& source,
                            const Unit& unit) const {
  using enum UnitTerm;
  UnitTerms out{};
  if (!unit.is_function) at(out, outside) = 1;
  for (int i = unit.first_line; i <= unit.last_line; ++i) {
    at(out, message) = std::max(at(out, message), message_.rarest_in(source.line(i)));
  }
  at(out, log_lines) = std::log(static_cast<float>(unit.last_line - unit.first_line + 1));
  if (const Mark* mark = innermost(path, unit)) {
    constexpr std::array<UnitTerm, 4> kFrames = {frame_0, frame_1, frame_2, frame_far};
    at(out, kFrames[static_cast<size_t>(std::min(mark->distance, 3))]) = 1;
  }
  if (!evidence_.executed.empty()) {
    // A `def` line runs when its module is imported, whatever the test.
    const int body =
        unit.is_function ? std::min(unit.first_line + 1, unit.last_line) : unit.first_line;
    const Spectrum s = spectrum(path, body, unit.last_line);
    if (s.share > 0) {
      at(out, log_share) = std::log(s.share);
      at(out, log_purity) = std::log(s.purity);
      at(out, log_rank) = std::log1p(static_cast<float>(lines_above(s.ochiai)));
      at(out, log_ties) = std::log1p(static_cast<float>(lines_at(s.ochiai)));
    } else {
      at(out, unit.is_function ? not_executed : outside_not_executed) = 1;
    }
  }
  return out;
}

float Place::unit(const std::string& path, const Source& source, const Unit& unit) const {
  float weight = weigh(unit_terms(path, source, unit));
  for (const std::string& p : paths_) {
    if (same_path(p, path)) weight += kMentionedPath;
  }
  float named = 0;
  for (const std::string& name : evidence_.mentioned_names) {
    if (unit.name.starts_with(name + ".")) named = std::max(named, kMentionedClass);
    if (unit.is_function && names_unit(name, unit.name)) named = std::max(named, kMentionedWord);
  }
  if (is_named(path, unit)) named = kMentionedName;
  return weight + named;
}

std::vector<LineTerms> Place::line_terms(const std::string& path, const Source& source,
                                         const Unit& unit) const {
  using enum LineTerm;
  std::vector<LineTerms> out(static_cast<size_t>(unit.last_line - unit.first_line + 2));
  const Mark* mark = innermost(path, unit);
  const bool is_executed = spectrum(path, unit.first_line, unit.last_line).share > 0;
  for (const Statement& s : source.statements()) {
    if (s.first_line < unit.first_line || s.first_line > unit.last_line) continue;
    LineTerms terms{};
    const bool is_head = unit.is_function && s.first_line == unit.first_line;
    if (is_executed && !is_head) {
      const Spectrum value = spectrum(path, s.first_line, s.last_line);
      at(terms, line_not_executed) = value.share > 0 ? 0 : 1;
      at(terms, line_log_share) = value.share > 0 ? std::log(value.share) : 0;
      at(terms, line_log_purity) = value.share > 0 ? std::log(value.purity) : 0;
      at(terms, line_log_rank) =
          value.share > 0 ? std::log1p(static_cast<float>(lines_above(value.ochiai))) : 0;
    }
    for (int i = s.first_line; i <= s.last_line; ++i) {
      at(terms, line_message) =
          std::max(at(terms, line_message), message_.rarest_in(source.line(i)));
    }
    if (mark != nullptr) {
      const int line = mark->line - 1;
      const bool is_far = mark->distance > 0;
      if (s.first_line > line) {
        at(terms, is_far ? later_far : later) = 1;
      } else if (s.last_line >= line) {
        at(terms, is_far ? failing_line_far : failing_line) = 1;
      } else {
        at(terms, is_far ? before_far : before) =
            std::min(1.0f, static_cast<float>(line - s.last_line) / kLinesBeforeMax);
      }
    }
    for (int i = s.first_line; i <= std::min(s.last_line, unit.last_line); ++i) {
      out[static_cast<size_t>(i - unit.first_line)] = terms;
    }
  }
  return out;
}

size_t line_of(const Candidate& candidate, const Unit& unit, std::span<const LineTerms> lines) {
  const size_t own = std::min(static_cast<size_t>(candidate.line - unit.first_line),
                              lines.size() - 1);
  if (candidate.operation != Operation::insert || own == 0) return own;
  constexpr auto kNotRun = static_cast<size_t>(LineTerm::line_not_executed);
  return lines[own - 1][kNotRun] > lines[own][kNotRun] ? own : own - 1;
}

}  // namespace corvid::tools::edits
