#include "engine/wordpiece.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <span>
#include <string>
#include <utility>

namespace corvid::engine {
namespace {

constexpr size_t kWordCharactersMax = 100;  // longer words are unknown, as in BERT

struct Pair {
  char32_t first;
  char32_t second;
};

#define DROP(first, last)
#define PUNCTUATION(first, last)
#define FOLD(from, to) {from, to},
constexpr Pair kFold[] = {
#include "engine/text/fold.inc"
};
#undef FOLD
#undef DROP
#undef PUNCTUATION
#define FOLD(from, to)
#define PUNCTUATION(first, last)
#define DROP(first, last) {first, last},
constexpr Pair kDropped[] = {
#include "engine/text/fold.inc"
};
#undef DROP
#undef PUNCTUATION
#define DROP(first, last)
#define PUNCTUATION(first, last) {first, last},
constexpr Pair kPunctuation[] = {
#include "engine/text/fold.inc"
};
#undef FOLD
#undef DROP
#undef PUNCTUATION

bool is_in(std::span<const Pair> ranges, char32_t c) {
  const auto after = std::ranges::upper_bound(ranges, c, {}, &Pair::first);
  return after != ranges.begin() && c <= std::prev(after)->second;
}

bool is_blank(char32_t c) {
  return c == 0x20 || (c >= 9 && c <= 13) || c == 0xa0 || c == 0x1680 || c == 0x3000 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f;
}

// Control and format characters, of which BERT takes no notice.
bool is_ignored(char32_t c) {
  return c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xa0) || c == 0xad || c == 0xfffd ||
         (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xe000 && c <= 0xf8ff);
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x2ceaf) ||
         (c >= 0x2f800 && c <= 0x2fa1f);
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return c > 0x20 && c < 0x7f && !is_letter && !(c >= '0' && c <= '9');
  }
  return is_in(kPunctuation, c);
}

void append(std::string& text, char32_t c) {
  const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | (c >> 6));
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3f));
    byte(0x80 | ((c >> 6) & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

// Lower case, decomposed, without marks.
void append_folded(std::string& text, char32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return;
  }
  if (c >= 0xac00 && c <= 0xd7a3) {  // Hangul syllables: arithmetic, Unicode 3.12
    const char32_t index = c - 0xac00;
    append(text, 0x1100 + index / 588);
    append(text, 0x1161 + index % 588 / 28);
    if (index % 28 != 0) append(text, 0x11a7 + index % 28);
    return;
  }
  if (is_in(kDropped, c)) return;
  const auto* const place = std::ranges::lower_bound(kFold, c, {}, &Pair::first);
  append(text, place != std::end(kFold) && place->first == c ? place->second : c);
}

// The character at `at`, which moves on; a blank for a byte that is not UTF-8.
char32_t next_character(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at++);
  if (lead < 0x80) return lead;
  const size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4 || at + more > text.size()) return ' ';
  char32_t c = lead & (0x3f >> more);
  for (size_t i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return ' ';
    c = (c << 6) | (byte(at + i) & 0x3f);
  }
  at += more;
  return c;
}

}  // namespace

// A hash table in one block, without a copy of the pieces: it is made at the start of most runs.
struct WordPiece::Impl {
  std::vector<std::string_view> pieces;
  std::vector<int32_t> slots;  // ids; -1: empty. A power of two, at least twice as many as pieces.
  size_t bytes_max = 0;

  static bool is_inner(std::string_view piece) {
    return piece.size() > 2 && piece.starts_with("##");
  }

  // The slot of a piece without its "##", or the empty one where it belongs.
  size_t slot_of(std::string_view word, bool inner) const {
    const size_t mask = slots.size() - 1;
    size_t slot = (std::hash<std::string_view>()(word) + inner) & mask;
    for (; slots[slot] >= 0; slot = (slot + 1) & mask) {
      const std::string_view piece = pieces[static_cast<size_t>(slots[slot])];
      if (is_inner(piece) == inner && piece.substr(inner ? 2 : 0) == word) break;
    }
    return slot;
  }

  // False: not a sequence of known pieces; `ids` is then as it was.
  bool add_word(std::string_view word, std::vector<int32_t>& ids) const;
};

bool WordPiece::Impl::add_word(std::string_view word, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
  if (std::ranges::count_if(word, is_start) > static_cast<std::ptrdiff_t>(kWordCharactersMax)) {
    return false;
  }
  for (size_t at = 0; at < word.size();) {
    size_t length = std::min(bytes_max, word.size() - at);
    int32_t found = -1;
    for (; length > 0 && found < 0; --length) {
      found = slots[slot_of(word.substr(at, length), at != 0)];
    }
    if (found < 0) {
      ids.resize(before);
      return false;
    }
    ids.push_back(found);
    at += length + 1;
  }
  return true;
}

WordPiece::WordPiece(std::vector<std::string_view> pieces) : impl_(std::make_unique<Impl>()) {
  impl_->slots.resize(std::bit_ceil(2 * pieces.size() + 1), -1);
  impl_->pieces = std::move(pieces);
  for (size_t i = 0; i < impl_->pieces.size(); ++i) {
    const bool is_inner = Impl::is_inner(impl_->pieces[i]);
    const std::string_view piece = impl_->pieces[i].substr(is_inner ? 2 : 0);
    int32_t& slot = impl_->slots[impl_->slot_of(piece, is_inner)];
    if (slot < 0) slot = static_cast<int32_t>(i);  // the first of equal ones
    impl_->bytes_max = std::max(impl_->bytes_max, piece.size());
  }
}

WordPiece::~WordPiece() = default;

std::vector<int32_t> WordPiece::encode(std::string_view text, int32_t unknown,
                                       size_t ids_max) const {
  std::vector<int32_t> ids;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && !impl_->add_word(word, ids) && unknown >= 0) ids.push_back(unknown);
    word.clear();
  };
  for (size_t at = 0; at < text.size() && ids.size() < ids_max;) {
    const char32_t c = next_character(text, at);
    if (is_blank(c)) {
      end_word();
    } else if (is_punctuation(c) || is_ideograph(c)) {
      end_word();
      append_folded(word, c);
      end_word();
    } else if (!is_ignored(c)) {
      append_folded(word, c);
    }
  }
  end_word();
  if (ids.size() > ids_max) ids.resize(ids_max);
  return ids;
}

}  // namespace corvid::engine
