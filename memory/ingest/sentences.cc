#include "memory/ingest/sentences.h"

#include <algorithm>
#include <initializer_list>
#include <span>

#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

// Nothing in such a sentence is said to be so.
constexpr std::string_view kSupposes[] = {
    "suppose", "supposing", "imagine", "imagining", "pretend", "assume", "assuming",
    "hypothetically", "say", "unlike", "according", "e.g", "example"};
// Nothing in such a clause.
constexpr std::string_view kDoubts[] = {
    "whether", "unless", "until", "maybe", "perhaps", "probably", "possibly", "presumably",
    "apparently", "supposedly", "think", "thinks", "thought", "guess", "believe", "believes",
    "believed", "suspect", "suspects", "wonder", "wondering", "doubt", "hope", "hoping", "wish",
    "bet", "not", "isn't", "wasn't", "ensure", "verify", "check", "seems", "seem"};
// Verbs by which a speaker passes on what another one says.
constexpr std::string_view kReports[] = {
    "said", "says", "told", "tells", "claims", "claimed", "wrote", "writes", "asked", "asks",
    "insists", "insisted", "mentioned", "mentions", "reported", "reports", "announced", "replied",
    "answered", "heard", "read", "saying", "telling", "stated", "states"};
constexpr std::string_view kThirds[] = {"him", "her", "them", "everyone", "everybody", "people"};
// Their full stop ends no sentence.
constexpr std::string_view kTitles[] = {"mr", "mrs", "ms", "dr", "prof", "st"};
constexpr std::string_view kAnybody[] = {"you", "you're", "anyone", "anybody", "someone",
                                         "somebody", "one"};

bool one_of(std::string_view word, std::span<const std::string_view> list) {
  return std::ranges::find(list, word) != list.end();
}

bool is_in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("'_./:@$%#+-").find(c) != std::string_view::npos;
}

bool ends_with_title(std::string_view text) {
  const size_t blank = text.rfind(' ');
  return one_of(lower_case(text.substr(blank == std::string_view::npos ? 0 : blank + 1)), kTitles);
}

// The comma of "1,450".
bool is_within_number(std::string_view text, size_t at) {
  const auto is_digit = [&](size_t i) {
    return i < text.size() && text[i] >= '0' && text[i] <= '9';
  };
  return text[at] == ',' && at > 0 && is_digit(at - 1) && is_digit(at + 1);
}

// "NAME {...}": what was called, not what was said.
bool is_call(std::string_view line) {
  const size_t name = line.find(' ');
  return name != std::string_view::npos && line.substr(name).starts_with(" {") &&
         line.ends_with('}') && (line.ends_with("{}") || line.substr(name).starts_with(" {\""));
}

void add_sentences(std::string_view line, bool that_ask, std::vector<std::string_view>& out) {
  size_t from = 0;
  for (size_t i = 0; i <= line.size(); ++i) {
    const bool at_end = i == line.size();
    const bool is_stop = !at_end && std::string_view(".!?;").find(line[i]) != std::string::npos &&
                         (i + 1 == line.size() || line[i + 1] == ' ');
    if (!at_end && (!is_stop || (line[i] == '.' && ends_with_title(line.substr(0, i))))) continue;
    const std::string_view sentence = trim(line.substr(from, i - from));
    const bool asks = !at_end && line[i] == '?';
    if (!sentence.empty() && asks == that_ask) out.push_back(sentence);
    from = i + 1;
  }
}

std::vector<std::string_view> sentences_of(std::string_view text, bool that_ask) {
  std::vector<std::string_view> out;
  std::string_view fence;  // not empty: inside of one
  for (const std::string_view line : split_lines(text)) {
    const std::string_view bare = trim(line);
    const bool is_fence = bare.starts_with("```") || bare.starts_with("~~~");
    if (is_fence && (fence.empty() || bare.starts_with(fence))) {
      fence = fence.empty() ? bare.substr(0, 3) : std::string_view();
      continue;
    }
    if (!fence.empty() || bare.starts_with('>') || is_call(bare)) continue;
    add_sentences(bare, that_ask, out);
  }
  return out;
}

// The length of a double quote there; 0: none.
size_t quote_at(std::string_view text, size_t at) {
  if (text[at] == '"') return 1;
  for (const std::string_view quote : {"\u201c", "\u201d", "\u201e", "\u00ab", "\u00bb"}) {
    if (text.substr(at).starts_with(quote)) return quote.size();
  }
  return 0;
}

}  // namespace

std::vector<std::string_view> statements_of(std::string_view text) {
  return sentences_of(text, false);
}

std::vector<std::string_view> questions_of(std::string_view text) {
  return sentences_of(text, true);
}

Words words_in(std::string_view sentence) {
  Words words;
  bool is_quoted = false;
  for (size_t at = 0; at < sentence.size();) {
    if (const size_t quote = quote_at(sentence, at)) {
      is_quoted = !is_quoted;
      at += quote;
      continue;
    }
    if (!is_in_word(sentence[at])) {
      if (!words.empty() && sentence[at] != ' ' && sentence[at] != '\t') {
        words.back().ends_clause = true;
      }
      ++at;
      continue;
    }
    size_t end = at;
    while (end < sentence.size() && quote_at(sentence, end) == 0 &&
           (is_in_word(sentence[end]) || is_within_number(sentence, end))) {
      ++end;
    }
    std::string_view word = sentence.substr(at, end - at);
    at = end;
    bool ends = false;
    while (!word.empty() && std::string_view(".:'-/").find(word.back()) != std::string::npos) {
      word.remove_suffix(1);
      ends = true;
    }
    ends = ends && !one_of(lower_case(word), kTitles);
    if (!word.empty()) words.push_back({lower_case(word), word, ends, is_quoted});
  }
  return words;
}

bool is_claimed(const Words& words, size_t at) {
  if (words[at].is_quoted) return false;
  bool is_open = true;  // since the last "if"
  bool is_if = false;   // its clause goes on
  bool is_doubted = false;
  for (size_t i = 0; i < at; ++i) {
    const std::string_view low = words[i].low;
    const std::string_view before = i > 0 ? std::string_view(words[i - 1].low) : "";
    const bool is_mine = before == "i" || before == "i've" || before == "we";
    if (low == "if") {
      is_if = true;
      // "If you need it, my number is ..." says the number.
      is_open = i + 1 < words.size() && one_of(words[i + 1].low, kAnybody);
    } else if (one_of(low, kSupposes) || (low == "tell" && one_of(words[i + 1].low, kThirds))) {
      return false;
    } else if (one_of(low, kReports) &&
               (!is_mine || low == "heard" || low == "read" || low == "asked")) {
      return false;
    }
    is_doubted |= one_of(low, kDoubts) || (low == "sure" && (before == "make" || before == "be"));
    if (words[i].ends_clause) is_if = is_doubted = false;
  }
  return is_open && !is_if && !is_doubted;
}

}  // namespace corvid::memory
