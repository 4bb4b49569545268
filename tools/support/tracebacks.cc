#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "runtime/base/text.h"
#include "tools/edit_candidates.h"
#include "tools/python_trace.h"

namespace corvid::tools {
namespace {

constexpr size_t kTracebacksMax = 200;
constexpr size_t kFramesMax = 100;

// What one line of output says; the path as it is printed.
struct PrintedFrame {
  std::string_view path;
  int line = 0;
  std::string_view function;
};

std::optional<int> parse_line_number(std::string_view& rest) {
  int value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (error != std::errc() || value < 1) return std::nullopt;
  rest.remove_prefix(size_t(end - rest.data()));
  return value;
}

// `File "PATH", line N, in FUNCTION`, as Python prints it.
std::optional<PrintedFrame> python_frame(std::string_view line) {
  line = trim(line);
  // unittest and exception groups draw lines at the left.
  line.remove_prefix(std::min(line.size(), line.find_first_not_of("|+ ")));
  constexpr std::string_view kFile = "File \"";
  constexpr std::string_view kLine = "\", line ";
  if (!line.starts_with(kFile)) return std::nullopt;
  line.remove_prefix(kFile.size());
  const size_t end = line.find(kLine);
  if (end == std::string_view::npos) return std::nullopt;
  PrintedFrame frame{line.substr(0, end), 0, {}};
  line.remove_prefix(end + kLine.size());
  const std::optional<int> number = parse_line_number(line);
  if (!number) return std::nullopt;
  frame.line = *number;
  if (line.starts_with(", in ")) frame.function = trim(line.substr(5));
  return frame;
}

// `PATH.py:N: in FUNCTION` or `PATH.py:N: SomeError`, as pytest prints it.
std::optional<PrintedFrame> pytest_frame(std::string_view line) {
  const size_t end = line.find(".py:");
  if (end == std::string_view::npos || line.starts_with(' ')) return std::nullopt;
  PrintedFrame frame{line.substr(0, end + 3), 0, {}};
  line.remove_prefix(end + 4);
  const std::optional<int> number = parse_line_number(line);
  if (!number || !line.starts_with(':')) return std::nullopt;
  frame.line = *number;
  if (line.starts_with(": in ")) frame.function = trim(line.substr(5));
  return frame;
}

// `PATH:N`, as compilers, assertions, sanitizers and test programs of C and C++ print it; the first
// one of a line. Warnings are none.
std::optional<PrintedFrame> c_frame(std::string_view line) {
  if (line.find("warning: ") != line.npos || line.find("note: ") != line.npos) return std::nullopt;
  const auto is_path = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./+-").find(c) != std::string_view::npos;
  };
  for (size_t colon = line.find(':'); colon != line.npos; colon = line.find(':', colon + 1)) {
    size_t begin = colon;
    while (begin > 0 && is_path(line[begin - 1])) --begin;
    PrintedFrame frame{line.substr(begin, colon - begin), 0, {}};
    std::string_view rest = line.substr(colon + 1);
    const std::optional<int> number = parse_line_number(rest);
    if (!number || !has_edits(frame.path) || frame.path.ends_with(".py")) continue;
    frame.line = *number;
    return frame;
  }
  return std::nullopt;
}

// Whether a line is a frame of a stack as sanitizers and debuggers print it, the innermost first.
bool is_stack_frame(std::string_view line) {
  line = trim(line);
  return line.size() > 1 && line[0] == '#' && line[1] >= '0' && line[1] <= '9';
}

// Lines at which a new failure begins.
bool is_separator(std::string_view line) {
  line = trim(line);
  return line.find("Traceback (most recent call last)") != std::string_view::npos ||
         line.starts_with("=====") || line.starts_with("____");
}

}  // namespace

std::vector<std::vector<Frame>> find_tracebacks(std::string_view output,
                                                const Workspace& workspace) {
  std::set<std::string, std::less<>> known;
  for (std::string& file : workspace.files()) known.insert(std::move(file));
  std::vector<std::vector<Frame>> tracebacks;
  std::vector<Frame> frames;
  const auto flush = [&] {
    if (!frames.empty() && tracebacks.size() < kTracebacksMax) tracebacks.push_back(frames);
    frames.clear();
  };
  for (const std::string_view line : split_lines(output)) {
    if (is_separator(line)) flush();
    std::optional<PrintedFrame> found = python_frame(line);
    if (!found) found = pytest_frame(line);
    const bool is_python = found.has_value();
    if (!is_python) found = c_frame(line);
    const bool is_stack = !is_python && is_stack_frame(line);
    // Each place that is printed is a failure of its own, but for those of one stack.
    const bool begins = !is_stack || trim(line).starts_with("#0 ");
    if (!is_python && found && begins) flush();
    if (!found || frames.size() == kFramesMax) continue;
    std::string_view path = found->path;
    for (const std::filesystem::path* top : {&workspace.shown_as(), &workspace.root()}) {
      const std::string prefix = top->string() + "/";
      if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
    }
    while (path.starts_with("./")) path.remove_prefix(2);
    if (!known.contains(path)) continue;
    frames.insert(is_stack ? frames.begin() : frames.end(),
                  {std::string(path), found->line, std::string(found->function)});
    if (!is_python && !is_stack) flush();
  }
  flush();
  return tracebacks;
}

}  // namespace corvid::tools
