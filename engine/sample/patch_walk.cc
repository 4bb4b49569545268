#include "engine/sample/patch_walk.h"

#include "engine/sample/automaton_states.h"
#include "engine/text/jinja/value.h"
#include "runtime/base/check.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

// What a marker leads to, in the order in which a patch is ended soonest.
enum Marker : int32_t { kEnd, kHunk, kSeek, kUpdate, kAdd, kDelete, kMove, kFileEnd };

std::string written_newline(bool is_json) { return is_json ? "\\n" : "\n"; }

// Whether the path goes on so with one more character, of which `byte` is the first.
bool goes_on(PatchWalk::State& s, uint8_t byte) {
  using Segment = PatchWalk::Segment;
  s.is_blank = byte == ' ' || byte == '\t';
  if (s.is_blank && !s.is_begun) return false;
  s.is_begun = true;
  if (byte == '/') {
    const bool is_end = s.segment == Segment::name ||
                        (s.is_first && (s.segment == Segment::dot || s.segment == Segment::empty));
    s.segment = Segment::empty;
    s.is_first = false;
    return is_end;
  }
  s.segment = byte != '.'                   ? Segment::name
              : s.segment == Segment::empty ? Segment::dot
              : s.segment == Segment::dot   ? Segment::dots
                                            : Segment::name;
  return true;
}

bool is_whole_path(const PatchWalk::State& s) {
  return s.segment == PatchWalk::Segment::name && !s.is_blank;
}

}  // namespace

PatchWalk::PatchWalk(const std::vector<CopySource>& sources, bool is_json)
    : is_json_(is_json), newline_(written_newline(is_json)), sources_(sources, is_json, true) {
  const auto add = [&](Menu menu, const std::string& text, Marker marker) {
    menus_[menu].add(text, marker);
  };
  const auto add_files = [&](Menu menu, const std::string& before) {
    add(menu, before + "*** End Patch", kEnd);
    add(menu, before + "*** Update File: ", kUpdate);
    add(menu, before + "*** Add File: ", kAdd);
    add(menu, before + "*** Delete File: ", kDelete);
  };
  const auto add_hunks = [&](Menu menu) {
    add(menu, "@@" + newline_, kHunk);
    add(menu, "@@ ", kSeek);
  };
  add_files(kBegin, "*** Begin Patch" + newline_);
  for (const Menu menu : {kUpdated, kMoved, kLines}) add_hunks(menu);
  for (const Menu menu : {kMoved, kNext, kLines}) add_files(menu, "");
  add(kUpdated, "*** Move to: ", kMove);
  add(kLines, "*** End of File" + newline_, kFileEnd);
  for (size_t i = 0; i < sources_.sources().size(); ++i) {
    for (const std::string& name : sources_.sources()[i].names) {
      if (!is_utf8(name) || name.find('\n') != std::string::npos) continue;
      const std::string quoted = jinja::to_json(jinja::Value(name), {});
      names_.add((is_json ? quoted.substr(1, quoted.size() - 2) : name) + newline_,
                 static_cast<int32_t>(i));
    }
  }
}

std::string PatchWalk::shortest(bool is_json) {
  return "*** Begin Patch" + written_newline(is_json) + "*** End Patch";
}

bool PatchWalk::step(State& s, uint8_t byte) const {
  switch (s.stage) {
    case Stage::marker: return step_marker(s, byte);
    case Stage::line: return begin_line(s, byte);
    case Stage::path: return step_path(s, byte);
    case Stage::seek:
    case Stage::kept:
    case Stage::added: {
      const bool is_free = s.stage == Stage::added || lines_of(s) == nullptr;
      if (s.stage == Stage::seek) s.is_begun = s.is_begun || says_something(s, byte);
      const Text text = is_free ? step_text(s, byte) : step_kept(s, byte);
      if (text == Text::line_end) {
        if (s.stage == Stage::seek && !is_free) s.place = {0, 0, 0, lines_of(s)->behind(s.place)};
        s.stage = s.is_update ? Stage::line : Stage::marker;
        s.at = 0;
      }
      return text != Text::no;
    }
    case Stage::ended: return false;
  }
  return false;
}

bool PatchWalk::step_path(State& s, uint8_t byte) const {
  if (s.at >= 0) s.at = names_.step(s.at, byte);
  const uint8_t before = s.text;
  const Text text = step_text(s, byte);
  if (text == Text::line_end && is_whole_path(s)) {
    end_path(s);
    return true;
  }
  if (text != Text::more) return false;
  if (before == kBackslash) return goes_on(s, byte == 't' ? '\t' : byte);
  const bool is_begin = before == kBody && s.text != kBackslash;
  return !is_begin || goes_on(s, byte);
}

bool PatchWalk::step_marker(State& s, uint8_t byte) const {
  const LiteralTrie& menu = menus_[s.menu];
  // Lines of an added file stand where the next marker may.
  if (s.at == 0 && s.menu == kNext && s.has_line && byte == '+') {
    s.stage = Stage::added;
    return true;
  }
  s.at = menu.step(s.at, byte);
  if (s.at < 0) return false;
  const int32_t literal = menu.node(s.at).literal;
  if (literal < 0) return true;
  const int32_t target = menu.target(literal);
  take_marker(s, target);
  return target != kSeek || has_more_lines(s);
}

void PatchWalk::take_marker(State& s, int32_t target) const {
  s.at = 0;
  s.has_line = false;
  switch (target) {
    case kEnd: s.stage = Stage::ended; return;
    case kFileEnd: s.stage = Stage::marker; s.menu = kNext; return;
    case kHunk:
    case kSeek:
      s.place = behind_hunk(s);
      s.stage = target == kHunk ? Stage::line : Stage::seek;
      s.menu = kLines;
      s.is_update = true;
      s.is_begun = false;
      return;
    default: break;
  }
  s.stage = Stage::path;
  s.is_begun = s.is_blank = false;
  s.segment = Segment::empty;
  s.is_first = true;
  s.is_update = target == kUpdate;
  s.menu = target == kUpdate ? kUpdated : target == kMove ? kMoved : kNext;
  // Only what is updated has lines to copy; other paths are those of any file.
  if (target != kMove) s.source = PassageSources::kFree;
  if (target != kUpdate) s.at = -1;
  s.has_line = target == kAdd;
}

void PatchWalk::end_path(State& s) const {
  const int32_t name = s.at < 0 ? -1 : names_.node(s.at).literal;
  if (name >= 0) s.source = static_cast<int16_t>(names_.target(name));
  s.stage = Stage::marker;
  s.at = 0;
}

bool PatchWalk::has_more_lines(const State& s) const {
  const Passages* lines = lines_of(s);
  if (lines == nullptr) return true;
  return lines->goes_on(s.place.depth == 0 ? lines->begin(s.place.from) : s.place);
}

// Where the tool goes on: lines stand where they do so first; what is only added stands behind the
// line that is sought, else at the end.
Passages::Place PatchWalk::behind_hunk(const State& s) const {
  const Passages* lines = lines_of(s);
  if (lines == nullptr || s.menu != kLines) return {};
  if (s.place.depth > 0) return {0, 0, 0, lines->behind(s.place)};
  return {0, 0, 0, s.is_begun ? s.place.from : lines->end()};
}

bool PatchWalk::begin_line(State& s, uint8_t byte) const {
  const bool is_kept = byte == ' ' || byte == '-';
  if (s.at == 0 && (is_kept || byte == '+')) {
    if (is_kept && !has_more_lines(s)) return false;
    s.stage = is_kept ? Stage::kept : Stage::added;
    s.has_line = true;
    return true;
  }
  return s.has_line && step_marker(s, byte);
}

// The tool takes no blank for a path or a line to seek; an escape may be one.
bool PatchWalk::says_something(const State& s, uint8_t byte) const {
  return byte > ' ' && (!is_json_ || (byte != '\\' && s.text != kBackslash));
}

// Canonical writing: a newline is written in one way only, and no control character is.
PatchWalk::Text PatchWalk::step_text(State& s, uint8_t byte) const {
  const auto go = [&](bool allowed, int32_t next) {
    if (allowed) s.text = static_cast<uint8_t>(next);
    return allowed ? Text::more : Text::no;
  };
  switch (s.text) {
    case kBody:
      if (byte == '\n') return is_json_ ? Text::no : Text::line_end;
      if (is_json_ && byte == '\\') return go(true, kBackslash);
      if (is_json_ && byte == '"') return Text::no;
      if (byte >= 0x80) return go(lead_state(byte) >= 0, lead_state(byte));
      return go(byte >= 0x20 || (!is_json_ && byte == '\t'), kBody);
    case kBackslash:
      s.text = kBody;
      if (byte == 'n') return Text::line_end;
      return go(byte == '"' || byte == '\\' || byte == 't', kBody);
    default: {
      const Continuation want = continuation(s.text);
      return go(byte >= want.low && byte <= want.high, want.next);
    }
  }
}

// A newline's escape is told from an escaped backslash by where characters begin.
PatchWalk::Text PatchWalk::step_kept(State& s, uint8_t byte) const {
  const Passages& lines = *lines_of(s);
  if (s.place.depth == 0) s.place = lines.begin(s.place.from);
  const bool is_between = s.place.depth == 0 || lines.is_between(s.place);
  const bool was_backslash = s.text == kBackslash;
  if (!lines.step(s.place, byte)) return Text::no;
  s.text = is_json_ && is_between && byte == '\\' ? kBackslash : kBody;
  const bool is_end = is_json_ ? was_backslash && byte == 'n' : byte == '\n';
  return is_end ? Text::line_end : Text::more;
}

std::string PatchWalk::rest_of_marker(const State& s) const {
  const LiteralTrie& menu = menus_[s.menu];
  for (int32_t marker = kEnd; marker <= kFileEnd; ++marker) {
    for (int32_t literal = 0; literal < menu.size(); ++literal) {
      if (menu.target(literal) == marker && menu.passes(literal, s.at)) {
        return menu.rest(literal, s.at);
      }
    }
  }
  return {};
}

std::string PatchWalk::rest(State s) const {
  std::string all;
  while (s.stage != Stage::ended) {
    std::string piece;
    if (s.stage == Stage::marker || (s.stage == Stage::line && (s.at > 0 || s.has_line))) {
      piece = rest_of_marker(s);
    } else if (s.stage == Stage::line) {
      piece = "+";
    } else if (s.stage != Stage::path && s.stage != Stage::added && lines_of(s) != nullptr) {
      const Passages& lines = *lines_of(s);
      const bool is_fresh = s.place.depth == 0;
      const Passages::Place place = is_fresh ? lines.begin(s.place.from) : s.place;
      const bool is_between = is_fresh || lines.is_between(place);
      piece = is_between ? lines.rest_of_line(place, newline_) : lines.rest(place);
    } else {
      if (s.text == kBackslash) {
        piece = "\\";
      } else if (s.text != kBody) {
        piece = static_cast<char>(continuation(s.text).low);
      } else {
        piece = (s.stage == Stage::path && !is_whole_path(s) ? "x" : "") + newline_;
      }
    }
    for (const char byte : piece) CHECK(step(s, static_cast<uint8_t>(byte)));
    CHECK(!piece.empty());
    all += piece;
  }
  return all;
}

}  // namespace corvid::engine
