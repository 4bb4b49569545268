#pragma once
// Patches in the envelope that Codex's apply_patch made common:
//   *** Begin Patch
//   *** Update File: PATH      (or Add File, Delete File; after Update, *** Move to: PATH)
//   @@ def name():             (optional: a line to seek before the hunk; may be repeated)
//    kept line / -removed line / +added line
//   *** End of File            (optional: the hunk stands at the end)
//   *** End Patch

#include <string>
#include <string_view>
#include <vector>

namespace corvid::tools {

struct PatchLine {
  char sign;  // ' ', '-' or '+'
  std::string text;
};

struct PatchHunk {
  std::vector<std::string> seek;
  std::vector<PatchLine> lines;
  bool at_end = false;
  int line = 0;  // 1-based line of the patch where it begins, for errors
};

enum class PatchKind { add, remove, update };

struct FilePatch {
  PatchKind kind = PatchKind::update;
  std::string path;
  std::string move_to;  // empty: stays
  std::string content;  // of an added file
  std::vector<PatchHunk> hunks;
};

// Throws invalid, "patch line N: ...", for what is no such patch. A shell heredoc around it, blanks
// around the markers and a missing first "@@" are tolerated.
std::vector<FilePatch> parse_patch(std::string_view text);

// The content after all hunks, in their order, each searched after the one before it: exactly,
// then without trailing blanks, without indentation, with Unicode punctuation folded. Line endings,
// a byte order mark and a missing final newline stay. Throws invalid, naming the hunk and the
// closest lines, where one is not found or stands at several places that `seek` does not tell
// apart.
std::string patched(const FilePatch& patch, std::string_view content);

}  // namespace corvid::tools
