#include "engine/sample/pattern.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

constexpr int kBegin = 256, kEnd = 257;  // what stands before and behind every text
constexpr int kRepeatMax = 1000, kDepthMax = 100;
constexpr size_t kNodesMax = 60000;
constexpr char32_t kLast = 0x10FFFF;

// Characters as ranges, ascending and apart.
using Set = std::vector<std::pair<char32_t, char32_t>>;

Set tidy(Set set) {
  std::sort(set.begin(), set.end());
  Set result;
  for (const auto& [low, high] : set) {
    if (!result.empty() && low <= result.back().second + 1) {
      result.back().second = std::max(result.back().second, high);
    } else {
      result.emplace_back(low, high);
    }
  }
  return result;
}

Set inverse(const Set& set) {
  Set result;
  char32_t next = 0;
  for (const auto& [low, high] : tidy(set)) {
    if (low > next) result.emplace_back(next, low - 1);
    next = high + 1;
  }
  if (next <= kLast) result.emplace_back(next, kLast);
  return result;
}

const Set kDigits{{'0', '9'}};
const Set kWords{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const Set kSpaces{{9, 13}, {0x20, 0x20}, {0xA0, 0xA0}, {0x1680, 0x1680}, {0x2000, 0x200A},
                  {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
                  {0xFEFF, 0xFEFF}};
const Set kLines{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};
const Set kAll{{0, kLast}};

// Thompson's construction over bytes.
class Nfa {
 public:
  struct Node {
    std::vector<int32_t> free;  // without reading
    std::vector<std::array<int32_t, 3>> edges;  // low, high, to
  };
  struct Part {
    int32_t in, out;
  };

  Nfa(Writing writing, const PatternError& error) : writing_(writing), error_(error) {}

  [[noreturn]] void refuse(const std::string& what) const {
    error_(what);
    fail(Code::invalid, what);
  }

  int32_t add() {
    if (nodes_.size() >= kNodesMax) refuse("it is too large");
    nodes_.emplace_back();
    return static_cast<int32_t>(nodes_.size()) - 1;
  }
  void join(int32_t from, int32_t to) { at(from).free.push_back(to); }
  void edge(int32_t from, int low, int high, int32_t to) {
    at(from).edges.push_back({low, high, to});
  }
  Part nothing() {
    const int32_t node = add();
    return {node, node};
  }
  Part byte(int value) {
    const Part part{add(), add()};
    edge(part.in, value, value, part.out);
    return part;
  }
  Part set(const Set& set);
  Part loop(Part part) {
    const Part result{add(), add()};
    join(result.in, part.in);
    join(part.out, result.in);
    join(result.in, result.out);
    return result;
  }
  Part sequence(Part a, Part b) {
    join(a.out, b.in);
    return {a.in, b.out};
  }
  Part either(Part a, Part b) {
    const Part result{add(), add()};
    for (const Part part : {a, b}) {
      join(result.in, part.in);
      join(part.out, result.out);
    }
    return result;
  }

  // Of the part between kBegin and kEnd.
  Dfa determinise(Part part) const;

 private:
  Node& at(int32_t node) { return nodes_[static_cast<size_t>(node)]; }
  void bytes(const Part& part, std::string_view text);
  void plain(const Part& part, char32_t low, char32_t high);
  void escaped(const Part& part, char32_t c);
  void close(std::vector<int32_t>& nodes) const;
  std::vector<int32_t> after(const std::vector<int32_t>& nodes, int symbol) const;

  Writing writing_;
  const PatternError& error_;
  std::vector<Node> nodes_;
};

void Nfa::bytes(const Part& part, std::string_view text) {
  int32_t from = part.in;
  for (size_t i = 0; i < text.size(); ++i) {
    const int32_t to = i + 1 == text.size() ? part.out : add();
    const auto value = static_cast<uint8_t>(text[i]);
    edge(from, value, value, to);
    from = to;
  }
}

// A range of one UTF-8 length, cut where its leading bytes differ.
void Nfa::plain(const Part& part, char32_t low, char32_t high) {
  if (high < 0x80) return edge(part.in, static_cast<int>(low), static_cast<int>(high), part.out);
  const int more = low < 0x800 ? 1 : low < 0x10000 ? 2 : 3;
  for (int i = 1; i <= more; ++i) {  // the last i bytes run from 80 to BF, or the range is cut
    const char32_t mask = (char32_t{1} << (6 * i)) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) {
      plain(part, low, low | mask);
      return plain(part, (low | mask) + 1, high);
    }
    if ((high & mask) != mask) {
      plain(part, low, (high & ~mask) - 1);
      return plain(part, high & ~mask, high);
    }
  }
  int32_t from = part.in;
  for (int i = more; i >= 0; --i) {
    const int lead = i == more ? (more == 1 ? 0xC0 : more == 2 ? 0xE0 : 0xF0) : 0x80;
    const char32_t keep = i == more ? 0x1F : 0x3F;
    const auto bits = [&](char32_t c) { return lead | static_cast<int>((c >> (6 * i)) & keep); };
    const int32_t to = i == 0 ? part.out : add();
    edge(from, bits(low), bits(high), to);
    from = to;
  }
}

void Nfa::escaped(const Part& part, char32_t c) {
  constexpr std::string_view kLetters = "\b\f\n\r\t\"\\", kNames = "bfnrt\"\\";
  const size_t at = kLetters.find(static_cast<char>(c));
  if (at != kLetters.npos) return bytes(part, std::string("\\") + kNames[at]);
  constexpr std::string_view kHex = "0123456789abcdef";
  bytes(part, std::string("\\u00") + kHex[c >> 4] + kHex[c & 15]);
}

Nfa::Part Nfa::set(const Set& given) {
  const Part part{add(), add()};
  constexpr char32_t kCuts[] = {0x80, 0x800, 0xD800, 0xE000, 0x10000, kLast + 1};
  for (auto [low, high] : tidy(given)) {
    const bool json = writing_ == Writing::json;
    for (; low <= high && (low < 0x20 || (json && low < 0x80)); ++low) {
      const bool escape = low < 0x20 || low == '"' || low == '\\';
      if (json && escape && low != 0) escaped(part, low);
      if (escape) continue;
      const char32_t run = low < '"' ? '"' - 1 : low < '\\' ? '\\' - 1 : 0x7F;
      plain(part, low, std::min(high, run));
      low = std::min(high, run);
    }
    for (const char32_t cut : kCuts) {
      if (low > high) break;
      if (low >= cut) continue;
      const char32_t last = std::min<char32_t>(high, cut - 1);
      if (low < 0xD800 || low >= 0xE000) plain(part, low, last);
      low = last + 1;
    }
  }
  return part;
}

void Nfa::close(std::vector<int32_t>& nodes) const {
  std::set<int32_t> seen(nodes.begin(), nodes.end());
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const int32_t to : nodes_[static_cast<size_t>(nodes[i])].free) {
      if (seen.insert(to).second) nodes.push_back(to);
    }
  }
  nodes.assign(seen.begin(), seen.end());
}

std::vector<int32_t> Nfa::after(const std::vector<int32_t>& nodes, int symbol) const {
  std::vector<int32_t> next;
  for (const int32_t node : nodes) {
    for (const auto& [low, high, to] : nodes_[static_cast<size_t>(node)].edges) {
      if (symbol >= low && symbol <= high) next.push_back(to);
    }
  }
  close(next);
  return next;
}

Dfa Nfa::determinise(Part part) const {
  std::map<std::vector<int32_t>, int32_t> known;
  std::vector<std::vector<int32_t>> places;
  const auto place_of = [&](std::vector<int32_t> nodes) {
    const auto [found, added] = known.emplace(nodes, static_cast<int32_t>(places.size()));
    if (added) places.push_back(std::move(nodes));
    return found->second;
  };
  std::vector<int32_t> start{part.in};
  close(start);
  place_of(after(start, kBegin));
  std::vector<Dfa::State> states;
  for (size_t i = 0; i < places.size(); ++i) {
    if (places.size() > Dfa::kStatesMax) refuse("it is too large");
    const std::vector<int32_t> nodes = places[i];
    Dfa::State state;
    const std::vector<int32_t> ends = after(nodes, kEnd);
    state.accepts = std::binary_search(ends.begin(), ends.end(), part.out);
    std::set<int> cuts;  // where the set of edges changes
    for (const int32_t node : nodes) {
      for (const auto& [low, high, to] : nodes_[static_cast<size_t>(node)].edges) {
        if (low >= kBegin) continue;
        cuts.insert(low);
        cuts.insert(high + 1);
      }
    }
    for (auto cut = cuts.begin(); cut != cuts.end() && std::next(cut) != cuts.end(); ++cut) {
      std::vector<int32_t> next = after(nodes, *cut);
      if (next.empty()) continue;
      const auto last = static_cast<uint8_t>(*std::next(cut) - 1);
      const int32_t to = place_of(std::move(next));
      const bool goes_on = !state.edges.empty() && state.edges.back().to == to &&
                           state.edges.back().high + 1 == *cut;
      if (goes_on) state.edges.back().high = last;
      else state.edges.push_back({static_cast<uint8_t>(*cut), last, to});
    }
    states.push_back(std::move(state));
  }
  return Dfa(std::move(states));
}

// A recursive-descent reader of ECMA-262 patterns.
class Reader {
 public:
  Reader(std::string_view pattern, Nfa& nfa) : pattern_(pattern), nfa_(nfa) {}

  Nfa::Part read() {
    const Nfa::Part part = alternatives(0);
    if (at_ < pattern_.size()) nfa_.refuse("it has a ')' too many");
    return part;
  }

 private:
  bool more() const { return at_ < pattern_.size(); }
  bool take(std::string_view text) {
    if (!pattern_.substr(at_).starts_with(text)) return false;
    at_ += text.size();
    return true;
  }

  Nfa::Part alternatives(int depth) {
    if (depth > kDepthMax) nfa_.refuse("it is nested too deeply");
    Nfa::Part part = sequence(depth);
    while (take("|")) part = nfa_.either(part, sequence(depth));
    return part;
  }

  Nfa::Part sequence(int depth) {
    Nfa::Part part = nfa_.nothing();
    while (more() && pattern_[at_] != '|' && pattern_[at_] != ')') {
      part = nfa_.sequence(part, repeated(depth));
    }
    return part;
  }

  Nfa::Part repeated(int depth) {
    const size_t begin = at_;
    Nfa::Part part = atom(depth);
    int low = 1, high = 1;
    if (!count(low, high)) return part;
    take("?");  // lazy: the same texts
    const size_t end = at_;
    int ignored_low = 0, ignored_high = 0;
    if (count(ignored_low, ignored_high)) nfa_.refuse("it repeats a repetition");
    at_ = end;
    // The atom is read again for each copy; the first is thrown away.
    part = nfa_.nothing();
    const auto copy = [&] {
      at_ = begin;
      return atom(depth);
    };
    for (int i = 0; i < low; ++i) part = nfa_.sequence(part, copy());
    if (high < 0) part = nfa_.sequence(part, nfa_.loop(copy()));
    Nfa::Part rest = nfa_.nothing();
    for (int i = low; i < high; ++i) {
      rest = nfa_.either(nfa_.nothing(), nfa_.sequence(copy(), rest));
    }
    if (high > low) part = nfa_.sequence(part, rest);
    at_ = end;
    return part;
  }

  // `high` below 0: any number. False: no quantifier stands here.
  bool count(int& low, int& high) {
    if (take("*")) return low = 0, high = -1, true;
    if (take("+")) return low = 1, high = -1, true;
    if (take("?")) return low = 0, high = 1, true;
    const size_t begin = at_;
    if (!take("{")) return false;
    const bool good = number(low);
    high = low;
    if (good && take(",") && !number(high)) high = -1;
    if (!good || !take("}")) {
      at_ = begin;
      return false;
    }
    if (high >= 0 && high < low) nfa_.refuse("it has a quantifier whose bounds are exchanged");
    return true;
  }

  bool number(int& value) {
    const size_t begin = at_;
    int read = 0;
    while (more() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
      read = read * 10 + (pattern_[at_++] - '0');
      if (read > kRepeatMax) nfa_.refuse("it repeats more than 1000 times");
    }
    if (at_ > begin) value = read;
    return at_ > begin;
  }

  Nfa::Part atom(int depth) {
    if (take("^")) return nfa_.byte(kBegin);
    if (take("$")) return nfa_.byte(kEnd);
    if (take(".")) return nfa_.set(inverse(kLines));
    if (take("[")) return nfa_.set(bracket());
    if (take("(")) {
      if (take("?:")) {
      } else if (take("?<") && more() && pattern_[at_] != '=' && pattern_[at_] != '!') {
        at_ = std::min(pattern_.find('>', at_), pattern_.size() - 1) + 1;
      } else if (at_ > 1 && pattern_[at_ - 1] != '(') {
        nfa_.refuse("it looks around");
      } else if (take("?")) {
        nfa_.refuse("it looks around");
      }
      const Nfa::Part part = alternatives(depth + 1);
      if (!take(")")) nfa_.refuse("it has a '(' too many");
      return part;
    }
    if (more() && (pattern_[at_] == '*' || pattern_[at_] == '+' || pattern_[at_] == '?')) {
      nfa_.refuse("it repeats nothing");
    }
    return nfa_.set(one());
  }

  // A character, or a class by its letter.
  Set one() {
    if (!take("\\")) {
      const char32_t c = character();
      return {{c, c}};
    }
    if (!more()) nfa_.refuse("it ends with a backslash");
    const char c = pattern_[at_];
    if (c == 'b' || c == 'B') nfa_.refuse("it has a \\b");
    if (c == 'p' || c == 'P') nfa_.refuse("it has a \\p");
    if (c == 'k' || (c >= '1' && c <= '9')) nfa_.refuse("it refers back");
    return escape();
  }

  Set escape() {
    const char c = pattern_[at_];
    if (static_cast<unsigned char>(c) >= 0x80) {
      const char32_t plain = character();
      return {{plain, plain}};
    }
    ++at_;
    const auto just = [](char32_t value) { return Set{{value, value}}; };
    switch (c) {
      case 'd': return kDigits;
      case 'D': return inverse(kDigits);
      case 'w': return kWords;
      case 'W': return inverse(kWords);
      case 's': return kSpaces;
      case 'S': return inverse(kSpaces);
      case 'n': return just('\n');
      case 'r': return just('\r');
      case 't': return just('\t');
      case 'f': return just('\f');
      case 'v': return just('\v');
      case '0': return just(0);
      case 'x': return just(hex(2));
      case 'u': return just(hex(4));
      case 'c': {
        if (!more()) nfa_.refuse("it ends within an escape");
        return just(static_cast<char32_t>(pattern_[at_++] & 31));
      }
      default: return just(static_cast<unsigned char>(c));
    }
  }

  char32_t hex(size_t digits) {
    char32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const size_t digit = more() ? std::string_view("0123456789abcdefABCDEF").find(pattern_[at_++])
                                  : std::string_view::npos;
      if (digit == std::string_view::npos) nfa_.refuse("it has a damaged \\x or \\u");
      value = value * 16 + static_cast<char32_t>(digit < 16 ? digit : digit - 6);
    }
    return value;
  }

  // One UTF-8 character; the pattern is valid UTF-8.
  char32_t character() {
    const auto lead = static_cast<unsigned char>(pattern_[at_++]);
    if (lead < 0x80) return lead;
    const int more_bytes = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    char32_t c = lead & (0x3Fu >> more_bytes);
    for (int i = 0; i < more_bytes && more(); ++i) {
      c = (c << 6) | (static_cast<unsigned char>(pattern_[at_++]) & 0x3Fu);
    }
    return c;
  }

  Set bracket() {
    const bool negated = take("^");
    Set set;
    while (!take("]")) {
      if (!more()) nfa_.refuse("it has a '[' too many");
      if (pattern_.substr(at_).starts_with("\\b")) {
        at_ += 2;
        set.emplace_back('\b', '\b');
        continue;
      }
      const Set first = one();
      const bool is_range = first.size() == 1 && first[0].first == first[0].second &&
                            at_ + 1 < pattern_.size() && pattern_[at_] == '-' &&
                            pattern_[at_ + 1] != ']';
      if (!is_range) {
        set.insert(set.end(), first.begin(), first.end());
        continue;
      }
      ++at_;
      const Set last = one();
      if (last.size() != 1 || last[0].first != last[0].second || last[0].first < first[0].first) {
        nfa_.refuse("it has an impossible range");
      }
      set.emplace_back(first[0].first, last[0].first);
    }
    return negated ? inverse(set) : tidy(set);
  }

  std::string_view pattern_;
  Nfa& nfa_;
  size_t at_ = 0;
};

// kBegin, the characters between and kEnd: `part` somewhere in a text.
Dfa somewhere(Nfa& nfa, Nfa::Part part) {
  const auto around = [&](int edge) {
    return nfa.loop(nfa.either(nfa.set(kAll), nfa.byte(edge)));
  };
  const Nfa::Part before = around(kBegin);
  return nfa.determinise(nfa.sequence(nfa.sequence(before, part), around(kEnd)));
}

}  // namespace

Dfa pattern_dfa(std::string_view pattern, Writing writing, const PatternError& error) {
  Nfa nfa(writing, error);
  return somewhere(nfa, Reader(pattern, nfa).read());
}

Dfa length_dfa(int64_t min, int64_t max, Writing writing, const PatternError& error) {
  if (min > kRepeatMax || max > kRepeatMax) error("a length above 1000 beside it");
  const std::string high = max < 0 ? "" : std::to_string(max);
  return pattern_dfa("^[\\s\\S]{" + std::to_string(min) + "," + high + "}$", writing, error);
}

Dfa literal_dfa(std::string_view text, Writing writing, const PatternError& error) {
  std::string pattern = "^";
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
    if (static_cast<unsigned char>(c) < 0x20) {
      constexpr std::string_view kHex = "0123456789abcdef";
      pattern += std::string("\\x") + kHex[static_cast<size_t>(c) >> 4] +
                 kHex[static_cast<size_t>(c) & 15];
    } else {
      pattern += is_letter ? std::string(1, c) : std::string("\\") + c;
    }
  }
  return pattern_dfa(pattern + "$", writing, error);
}

Dfa any_text_dfa(Writing writing, const PatternError& error) {
  return pattern_dfa("", writing, error);
}

#define DATE                                                                               \
  "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|"                          \
  "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|"                    \
  "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"
#define TIME                                                                               \
  "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?"                                 \
  "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
#define BYTE "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define IPV4 "(?:" BYTE "\\.){3}" BYTE
#define GROUP "[0-9A-Fa-f]{1,4}"

std::string_view format_pattern(std::string_view format) {
  static const std::pair<std::string_view, std::string_view> kFormats[] = {
      {"date", "^" DATE "$"},
      {"time", "^" TIME "$"},
      {"date-time", "^" DATE "T" TIME "$"},
      {"duration",
       "^P(?:[0-9]+W|(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"
       "(?:T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?|"
       "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))$"},
      {"email", "^[A-Za-z0-9_+-]+(?:\\.[A-Za-z0-9_+-]+)*@" LABEL "(?:\\." LABEL ")*$"},
      {"hostname", "^" LABEL "(?:\\." LABEL "){0,3}$"},
      {"ipv4", "^" IPV4 "$"},
      {"ipv6", "^(?:(?:" GROUP ":){7}" GROUP "|(?:" GROUP ":){0,5}" GROUP "::|::(?:" GROUP
               ":){0,5}" GROUP "|::)$"},
      {"uuid", "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"},
      {"uri", "^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*$"},
  };
  for (const auto& [name, pattern] : kFormats) {
    if (name == format) return pattern;
  }
  return {};
}

#undef DATE
#undef TIME
#undef LABEL
#undef BYTE
#undef IPV4
#undef GROUP

}  // namespace corvid::engine
