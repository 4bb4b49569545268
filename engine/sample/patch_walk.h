#pragma once
// A patch in the envelope of tools/support/patch.h, walked byte by byte as it is written in an
// argument. In files that are sources, the lines that a hunk keeps and removes are lines of the
// file that follow one another there, behind those of the hunk before and the line it is sought by.

#include <array>
#include <cstdint>
#include <string>

#include "engine/sample/grammar.h"
#include "engine/sample/passages.h"

namespace corvid::engine {

// Const and thread-safe after construction.
class PatchWalk {
 public:
  // What is being written: one of the markers that may stand here, a path, the line that a hunk is
  // sought by, the beginning of a hunk's line, its text, or nothing any more.
  enum class Stage : uint8_t { marker, path, seek, line, kept, added, ended };
  // What stands between slashes. The tool takes many paths for that of one file; other ways to
  // write it than those of the sources are none here, so that no file escapes under another name.
  enum class Segment : uint8_t { empty, dot, dots, name };
  // Which markers.
  enum Menu : uint8_t { kBegin, kUpdated, kMoved, kNext, kLines, kMenuCount };
  struct State {
    Stage stage = Stage::marker;
    Menu menu = kBegin;        // also what comes behind a path or an added line
    uint8_t text = 1;          // StringState of free text
    bool has_line = false;     // the hunk has one; of an added file: lines may come
    bool is_update = false;    // of the path that is written, or of lines of a hunk
    bool is_begun = false;     // the path, or the line that is sought, has a character
    Segment segment = Segment::empty;  // of the path, so far
    bool is_first = true;              // ... is its first one
    bool is_blank = false;             // the path's last character
    int32_t at = 0;            // node of the menu, or of the names; -1: another name
    int16_t source = PassageSources::kFree;
    Passages::Place place{};   // of the hunk's kept and removed lines
  };

  PatchWalk(const std::vector<CopySource>& sources, bool is_json);

  // False: no patch goes on so; `state` is then of no more use.
  bool step(State& state, uint8_t byte) const;
  // The shortest text behind which the patch is whole.
  std::string rest(State state) const;
  // The shortest patch; it changes nothing.
  static std::string shortest(bool is_json);

 private:
  enum class Text { no, more, line_end };

  bool step_marker(State& state, uint8_t byte) const;
  bool begin_line(State& state, uint8_t byte) const;
  void take_marker(State& state, int32_t target) const;
  void end_path(State& state) const;
  bool step_path(State& state, uint8_t byte) const;
  bool says_something(const State& state, uint8_t byte) const;
  Text step_text(State& state, uint8_t byte) const;
  Text step_kept(State& state, uint8_t byte) const;
  const Passages* lines_of(const State& state) const { return sources_.passages(state.source); }
  bool has_more_lines(const State& state) const;
  Passages::Place behind_hunk(const State& state) const;
  std::string rest_of_marker(const State& state) const;

  bool is_json_;
  std::string newline_;  // as it is written
  PassageSources sources_;
  LiteralTrie names_;  // of sources, with the newline
  std::array<LiteralTrie, kMenuCount> menus_;
};

}  // namespace corvid::engine
