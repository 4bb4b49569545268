#include "tools/support/patch.h"

#include <algorithm>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/text.h"
#include "tools/support/line_match.h"
#include "tools/support/text_edit.h"
#include "tools/support/text_file.h"

namespace corvid::tools {
namespace {

constexpr std::string_view kBegin = "*** Begin Patch", kEnd = "*** End Patch";
constexpr std::string_view kAdd = "*** Add File:", kDelete = "*** Delete File:";
constexpr std::string_view kUpdate = "*** Update File:", kMove = "*** Move to:";
constexpr std::string_view kEndOfFile = "*** End of File";

class Parser {
 public:
  explicit Parser(std::string_view text) : lines_(split_lines(text)) {
    for (std::string_view& line : lines_) {
      if (line.ends_with('\r')) line.remove_suffix(1);
    }
  }

  std::vector<FilePatch> parse() {
    const auto begin =
        std::find_if(lines_.begin(), lines_.end(), [](auto line) { return trim(line) == kBegin; });
    if (begin == lines_.end()) fail(Code::invalid, "the patch has no '*** Begin Patch' line");
    at_ = size_t(begin - lines_.begin()) + 1;
    std::vector<FilePatch> patches;
    while (at_ < lines_.size() && trim(lines_[at_]) != kEnd) {
      if (trim(lines_[at_]).empty()) {
        ++at_;
        continue;
      }
      patches.push_back(parse_file());
    }
    if (at_ == lines_.size()) fail(Code::invalid, "the patch has no '*** End Patch' line");
    if (patches.empty()) fail(Code::invalid, "the patch is empty");
    return patches;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail(Code::invalid, "patch line " + std::to_string(at_ + 1) + ": " + what);
  }

  // The rest of a marker line, or nothing when the line is another one.
  std::optional<std::string> marker(std::string_view name) const {
    const std::string_view line = at_ < lines_.size() ? trim(lines_[at_]) : std::string_view();
    if (!line.starts_with(name)) return std::nullopt;
    return std::string(trim(line.substr(name.size())));
  }

  // Markers begin a line: " *** Title" is text of the file.
  bool is_at_marker() const { return at_ >= lines_.size() || lines_[at_].starts_with("*** "); }

  FilePatch parse_file() {
    FilePatch patch;
    if (const auto path = marker(kAdd)) {
      patch.kind = PatchKind::add;
      patch.path = *path;
      for (++at_; !is_at_marker(); ++at_) {
        if (!lines_[at_].starts_with('+')) refuse("a line of an added file must begin with '+'");
        patch.content.append(lines_[at_].substr(1)).append("\n");
      }
    } else if (const auto removed = marker(kDelete)) {
      patch.kind = PatchKind::remove;
      patch.path = *removed;
      ++at_;
    } else if (const auto updated = marker(kUpdate)) {
      patch.path = *updated;
      ++at_;
      if (const auto target = marker(kMove)) {
        patch.move_to = *target;
        ++at_;
      }
      while (!is_at_marker()) parse_hunk(patch);
      if (patch.hunks.empty() && patch.move_to.empty()) refuse("the file has no hunk");
    } else {
      refuse("expected '*** Add File:', '*** Delete File:', '*** Update File:' or '*** End Patch'");
    }
    if (patch.path.empty()) refuse("the path is missing");
    return patch;
  }

  void parse_hunk(FilePatch& patch) {
    PatchHunk hunk;
    hunk.line = int(at_) + 1;
    for (; at_ < lines_.size() && lines_[at_].starts_with("@@"); ++at_) {
      std::string_view seek = lines_[at_].substr(2);
      if (seek.starts_with(' ')) seek.remove_prefix(1);
      // "@@ -1,4 +1,5 @@" of an ordinary diff says nothing that is needed here.
      if (seek.starts_with('-') && seek.find("@@") != seek.npos) {
        seek = seek.substr(seek.find("@@") + 2);
      }
      if (!trim(seek).empty()) hunk.seek.emplace_back(seek);
    }
    for (; !is_at_marker() && !lines_[at_].starts_with("@@"); ++at_) {
      const std::string_view line = lines_[at_];
      const char sign = line.empty() ? ' ' : line[0];
      if (sign != ' ' && sign != '-' && sign != '+') {
        refuse("a line of a hunk must begin with ' ', '-' or '+'");
      }
      hunk.lines.push_back({sign, std::string(line.empty() ? line : line.substr(1))});
    }
    if (marker(kEndOfFile)) {
      hunk.at_end = true;
      ++at_;
    }
    if (hunk.lines.empty()) refuse("the hunk is empty");
    patch.hunks.push_back(std::move(hunk));
  }

  std::vector<std::string_view> lines_;
  size_t at_ = 0;
};

class Patcher {
 public:
  Patcher(const FilePatch& patch, std::string_view content)
      : patch_(patch), content_(content), ending_(usual_ending(content)) {
    if (content_.starts_with(kByteOrderMark)) {  // no part of the first line
      content_.remove_prefix(kByteOrderMark.size());
      out_ = kByteOrderMark;
    }
    for (const TextLine& line : text_lines(content_)) {
      lines_.push_back(line);
      texts_.push_back(line.text);
    }
  }

  std::string run() {
    for (const PatchHunk& hunk : patch_.hunks) apply(hunk);
    copy_until(lines_.size());
    const bool had_newline = content_.empty() || content_.ends_with('\n');
    if (!had_newline && out_.ends_with(ending_)) out_.resize(out_.size() - ending_.size());
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const PatchHunk& hunk, const std::string& what) const {
    fail(Code::invalid, patch_.path + ": the hunk at patch line " + std::to_string(hunk.line) +
                            " " + what + "; nothing was changed");
  }

  void copy_until(size_t end) {
    for (; next_ < end; ++next_) {
      out_.append(lines_[next_].text);
      out_.append(lines_[next_].ending.empty() ? ending_ : lines_[next_].ending);
    }
  }

  size_t place_after_seek(const PatchHunk& hunk) const {
    size_t from = next_;
    for (const std::string& seek : hunk.seek) {
      const std::string_view wanted[] = {seek};
      std::vector<size_t> found;
      for (const LineFit fit : kLineFits) {
        if (found.empty()) found = find_lines(texts_, wanted, fit, from);
      }
      if (found.empty()) {  // part of a line, as in "@@ class Name"
        for (size_t i = from; i < texts_.size() && found.empty(); ++i) {
          if (texts_[i].find(trim(seek)) != std::string_view::npos) found.push_back(i);
        }
      }
      if (found.empty()) refuse(hunk, "seeks '" + seek + "', which is not there");
      from = found.front() + 1;
    }
    return from;
  }

  void apply(const PatchHunk& hunk) {
    std::vector<std::string_view> wanted;
    for (const PatchLine& line : hunk.lines) {
      if (line.sign != '+') wanted.push_back(line.text);
    }
    const size_t from = place_after_seek(hunk);
    size_t place = wanted.empty() && !hunk.seek.empty() && !hunk.at_end ? from : lines_.size();
    if (!wanted.empty()) place = find_place(hunk, wanted, from);
    copy_until(place);
    const auto found = std::span(texts_).subspan(place, wanted.size());
    const Indentation indentation(found, wanted);
    for (const PatchLine& line : hunk.lines) {
      if (line.sign == ' ') {
        copy_until(next_ + 1);
      } else if (line.sign == '-') {
        ++next_;
      } else {
        out_.append(indentation.of(line.text)).append(ending_);
      }
    }
  }

  size_t find_place(const PatchHunk& hunk, std::span<const std::string_view> wanted,
                    size_t from) const {
    for (const LineFit fit : kLineFits) {
      const std::vector<size_t> found = find_lines(texts_, wanted, fit, from);
      if (found.empty()) continue;
      if (hunk.at_end) return found.back();
      if (found.size() > 1 && hunk.seek.empty() && patch_.hunks.size() == 1) {
        std::string places;
        for (const size_t at : found) places += " " + std::to_string(at + 1);
        refuse(hunk, "fits at lines" + places + ": give more lines around it, or '@@ LINE'");
      }
      return found.front();
    }
    std::string text;
    for (const std::string_view line : wanted) text.append(line).append("\n");
    const std::string closest = closest_lines(content_, text);
    refuse(hunk,
           "is not in the file" + (closest.empty() ? "" : "; the closest lines are:\n" + closest));
  }

  const FilePatch& patch_;
  std::string_view content_;
  const std::string_view ending_;
  std::vector<TextLine> lines_;
  std::vector<std::string_view> texts_;
  size_t next_ = 0;  // first line that is not yet in out_
  std::string out_;
};

}  // namespace

std::vector<FilePatch> parse_patch(std::string_view text) { return Parser(text).parse(); }

std::string patched(const FilePatch& patch, std::string_view content) {
  return Patcher(patch, content).run();
}

}  // namespace corvid::tools
