#include "tools/edits/place.h"

#include <algorithm>
#include <cmath>

namespace corvid::tools::edits {

namespace {

// Log-weights: set by judgement, not fitted.
constexpr float kInnermostFrame = 3.5f, kFrameStep = 0.8f, kFrameLast = 0.5f;
constexpr float kOutsideFunction = -2.0f;
constexpr float kNotExecuted = -9.0f, kSuspicion = 2.0f;
constexpr float kMentionedPath = 1.5f, kMentionedClass = 1.5f;
constexpr float kMentionedName = 12.0f, kMentionedWord = 2.0f;
constexpr float kLineNotExecuted = -5.0f;
constexpr float kFailingLine = 1.2f, kLineStep = 0.12f, kLineStepMax = 1.8f, kLaterLine = -2.5f;

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

}  // namespace

bool is_test_file(std::string_view path) {
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (name.starts_with("test_") || name.ends_with("_test.py") || name == "conftest.py" ||
      name == "tests.py" || name == "test.py") {
    return true;
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

Place::Place(const Evidence& evidence) : evidence_(evidence) {
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

float Place::suspicion(const std::string& path, int first_line, int last_line) const {
  const auto file = evidence_.executed.find(path);
  if (file == evidence_.executed.end()) return 0;
  float best = 0;
  for (auto it = file->second.lower_bound(first_line + 1);
       it != file->second.end() && it->first <= last_line + 1; ++it) {
    const auto failing = static_cast<float>(it->second.failing_tests);
    const auto passing = static_cast<float>(it->second.passing_tests);
    if (failing <= 0) continue;
    const float all = std::max(failing, static_cast<float>(evidence_.failing_test_count));
    best = std::max(best, failing / std::sqrt(all * (failing + passing)));
  }
  return best;
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

float Place::unit(const std::string& path, const Source& source, const Unit& unit) const {
  (void)source;
  float weight = unit.is_function ? 0 : kOutsideFunction;
  weight += 0.3f * std::log(static_cast<float>(unit.last_line - unit.first_line + 1));
  if (const Mark* mark = innermost(path, unit)) {
    weight +=
        std::max(kFrameLast, kInnermostFrame - kFrameStep * static_cast<float>(mark->distance));
    weight += 0.3f * std::log(static_cast<float>(mark->count));
  }
  if (!evidence_.executed.empty()) {
    // A `def` line runs when its module is imported, whatever the test.
    const int body =
        unit.is_function ? std::min(unit.first_line + 1, unit.last_line) : unit.first_line;
    const float value = suspicion(path, body, unit.last_line);
    weight += value > 0 ? kSuspicion * std::log(value) : unit.is_function ? kNotExecuted : -1;
  }
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

std::vector<float> Place::lines(const std::string& path, const Source& source,
                                const Unit& unit) const {
  std::vector<float> out(static_cast<size_t>(unit.last_line - unit.first_line + 2), 0.0f);
  const Mark* mark = innermost(path, unit);
  const float best = suspicion(path, unit.first_line, unit.last_line);
  for (const Statement& s : source.statements()) {
    if (s.first_line < unit.first_line || s.first_line > unit.last_line) continue;
    float weight = 0;
    const bool is_head = unit.is_function && s.first_line == unit.first_line;
    if (best > 0 && !is_head) {
      const float value = suspicion(path, s.first_line, s.last_line);
      weight += value > 0 ? std::log(value / best) : kLineNotExecuted;
    }
    if (mark != nullptr) {
      const int line = mark->line - 1;
      const float share = mark->distance == 0 ? 1.0f : 0.5f;
      if (s.first_line > line) {
        weight += share * kLaterLine;
      } else if (s.last_line >= line) {
        weight += share * kFailingLine;
      } else {
        weight -=
            share * std::min(kLineStepMax, kLineStep * static_cast<float>(line - s.last_line));
      }
    }
    for (int i = s.first_line; i <= std::min(s.last_line, unit.last_line); ++i) {
      out[static_cast<size_t>(i - unit.first_line)] = weight;
    }
  }
  return out;
}

}  // namespace corvid::tools::edits
