#include "engine/sample/passages.h"

#include <algorithm>
#include <cstring>

#include "engine/text/jinja/value.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

constexpr char kTextEnd = '\xff';  // stands in no UTF-8 text
constexpr size_t kSourcesMax = INT16_MAX;

// Bytes of the character, or the escape of one, that begins `text`.
size_t character_size(std::string_view text, bool is_json) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (is_json && lead == '\\') return text.size() > 1 && text[1] == 'u' ? 6 : 2;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
}

}  // namespace

Passages::Passages(std::span<const std::string> texts, bool is_json, bool by_lines) {
  const std::string_view newline = is_json ? "\\n" : "\n";
  for (const std::string& text : texts) {
    if (text.empty() || !is_utf8(text) || text.find('\0') != std::string::npos) continue;
    std::string written = is_json ? jinja::to_json(jinja::Value(text), {}) : text;
    if (is_json) written = written.substr(1, written.size() - 2);
    if (by_lines && !text.ends_with('\n')) written += newline;
    is_start_.resize(text_.size() + written.size() + 1, false);
    bool is_wanted = true;
    for (size_t at = 0; at < written.size();) {
      const auto start = static_cast<int32_t>(text_.size() + at);
      if (is_wanted) starts_.push_back(start);
      is_start_[static_cast<size_t>(start)] = true;
      const std::string_view rest = std::string_view(written).substr(at);
      const size_t size = character_size(rest, is_json);
      is_wanted = !by_lines || rest.substr(0, size) == newline;
      at += size;
    }
    text_ += written + kTextEnd;
    is_start_.back() = true;
  }
  std::sort(starts_.begin(), starts_.end(), [&](int32_t a, int32_t b) {
    const std::string_view text = text_;
    const auto order = text.substr(static_cast<size_t>(a), kSortedBytes)
                           .compare(text.substr(static_cast<size_t>(b), kSortedBytes));
    return order != 0 ? order < 0 : a < b;
  });
}

int Passages::byte_at(int32_t start, int32_t depth) const {
  const char c = text_[static_cast<size_t>(start) + static_cast<size_t>(depth)];
  return c == kTextEnd ? -1 : static_cast<unsigned char>(c);
}

void Passages::skip_before_from(Place& place) const {
  while (place.is_alive() && starts_[static_cast<size_t>(place.low)] < place.from) ++place.low;
}

Passages::Place Passages::begin(int32_t from) const {
  Place place{0, static_cast<int32_t>(starts_.size()), 0, from};
  skip_before_from(place);
  return place;
}

// The end of a text is the highest byte of all, which sorting and searching agree about.
bool Passages::step(Place& place, uint8_t byte) const {
  if (!place.is_alive() || byte == static_cast<uint8_t>(kTextEnd)) {
    place.high = place.low;
    return false;
  }
  if (place.depth >= kSortedBytes) place.high = place.low + 1;
  const auto key = [&](int32_t start) {
    const int c = byte_at(start, place.depth);
    return c < 0 ? 256 : c;
  };
  const auto begin = starts_.begin() + place.low, end = starts_.begin() + place.high;
  const auto low = std::partition_point(begin, end, [&](int32_t s) { return key(s) < byte; });
  const auto high = std::partition_point(low, end, [&](int32_t s) { return key(s) <= byte; });
  place.low = static_cast<int32_t>(low - starts_.begin());
  place.high = static_cast<int32_t>(high - starts_.begin());
  ++place.depth;
  skip_before_from(place);
  return place.is_alive();
}

bool Passages::is_between(const Place& place) const {
  const auto start = static_cast<size_t>(starts_[static_cast<size_t>(place.low)]);
  return is_start_[start + static_cast<size_t>(place.depth)];
}

std::string Passages::rest(const Place& place) const {
  std::string rest;
  for (Place at = place; at.depth == 0 || !is_between(at);) {
    const int byte = byte_at(starts_[static_cast<size_t>(place.low)], at.depth);
    rest += static_cast<char>(byte);
    ++at.depth;
  }
  return rest;
}

bool Passages::goes_on(const Place& place) const {
  // Texts that end here are the last of the part.
  return place.is_alive() && byte_at(starts_[static_cast<size_t>(place.low)], place.depth) >= 0;
}

int32_t Passages::behind(const Place& place) const {
  int32_t first = end();
  for (int32_t i = place.low; i < place.high; ++i) {
    const int32_t start = starts_[static_cast<size_t>(i)];
    if (start >= place.from) first = std::min(first, start);
  }
  return first + place.depth;
}

std::string Passages::rest_of_line(const Place& place, std::string_view newline) const {
  const auto start = static_cast<size_t>(starts_[static_cast<size_t>(place.low)]) +
                     static_cast<size_t>(place.depth);
  for (size_t at = start; text_[at] != kTextEnd;) {
    size_t end = at + 1;
    while (!is_start_[end]) ++end;
    const bool is_newline = std::string_view(text_).substr(at, end - at) == newline;
    at = end;
    if (is_newline) return text_.substr(start, at - start);
  }
  return {};
}

PassageSources::PassageSources(std::vector<CopySource> sources, bool is_json, bool by_lines)
    : sources_(std::move(sources)), is_json_(is_json), by_lines_(by_lines) {
  if (sources_.size() > kSourcesMax) sources_.resize(kSourcesMax);
  for (size_t i = 0; i <= sources_.size(); ++i) entries_.push_back(std::make_unique<Entry>());
}

const Passages* PassageSources::passages(int16_t source) const {
  if (source == kFree || sources_.empty()) return nullptr;
  const bool is_any = source == kAny;
  Entry& entry = *entries_[is_any ? sources_.size() : static_cast<size_t>(source)];
  entry.once.call([&] {
    std::vector<std::string> texts;
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (!is_any && i != static_cast<size_t>(source)) continue;
      std::optional<std::string> text = sources_[i].read();
      if (!text) return;  // of which nothing is known
      texts.push_back(std::move(*text));
    }
    Passages passages(texts, is_json_, by_lines_);
    // An empty file has no line.
    const bool has_nothing = std::ranges::all_of(texts, &std::string::empty);
    if (!passages.empty() || (by_lines_ && has_nothing)) entry.passages = std::move(passages);
  });
  return entry.passages ? &*entry.passages : nullptr;
}

}  // namespace corvid::engine
