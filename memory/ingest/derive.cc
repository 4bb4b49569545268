// Level 0 of a MemCell: title and episode are sentences of its own turns.

#include <algorithm>
#include <map>
#include <set>

#include "memory/ingest/annotate.h"
#include "memory/ingest/segment.h"
#include "runtime/base/text.h"

namespace corvid::memory {
namespace {

constexpr size_t kTitleBytesMax = 80;
constexpr size_t kSentenceBytesMax = 240;
constexpr size_t kEpisodeSentences = 3;
constexpr size_t kSentencesPerTurnMax = 12;

struct Sentence {
  std::string speaker;
  std::string_view text;
  bool is_user = false;
  double score = 0;
  size_t order = 0;
};

std::vector<std::string_view> sentences_of(std::string_view text) {
  std::vector<std::string_view> sentences;
  size_t from = 0;
  for (size_t i = 0; i < text.size() && sentences.size() < kSentencesPerTurnMax; ++i) {
    const bool is_end = text[i] == '\n' ||
                        ((text[i] == '.' || text[i] == '!' || text[i] == '?') &&
                         (i + 1 == text.size() || text[i + 1] == ' ' || text[i + 1] == '\n'));
    if (!is_end) continue;
    const std::string_view sentence = trim(text.substr(from, i + 1 - from));
    if (!sentence.empty()) sentences.push_back(sentence);
    from = i + 1;
  }
  const std::string_view rest = trim(text.substr(from));
  if (!rest.empty() && sentences.size() < kSentencesPerTurnMax) sentences.push_back(rest);
  return sentences;
}

std::string shortened(std::string_view text, size_t bytes_max) {
  std::string out;
  for (const char c : text) out += c == '\n' || c == '\r' || c == '\t' ? ' ' : c;
  if (out.size() <= bytes_max) return out;
  std::string_view cut = truncate_utf8(out, bytes_max - 3);
  const size_t blank = cut.rfind(' ');
  if (blank != std::string_view::npos && blank > bytes_max / 2) cut = cut.substr(0, blank);
  return std::string(cut) + "...";
}

std::set<std::string> content_words(std::string_view text) {
  std::set<std::string> words;
  for (std::string& word : words_of(text)) {
    if (!is_stop_word(word)) words.insert(std::move(word));
  }
  return words;
}

// Sentences of people and of the assistant; what tools print is evidence, not narrative.
std::vector<Sentence> all_sentences(std::span<const Turn> turns) {
  std::vector<Sentence> all;
  for (const Turn& turn : turns) {
    if (turn.tier <= Tier::tool) continue;
    for (const std::string_view text : sentences_of(turn.text)) {
      all.push_back({.speaker = turn.speaker,
                     .text = text,
                     .is_user = turn.tier == Tier::user,
                     .order = all.size()});
    }
  }
  std::map<std::string, int> holding;
  for (const Sentence& sentence : all) {
    for (const std::string& word : content_words(sentence.text)) ++holding[word];
  }
  for (Sentence& sentence : all) {
    const std::set<std::string> words = content_words(sentence.text);
    for (const std::string& word : words) sentence.score += holding[word] - 0.5;
    sentence.score /= static_cast<double>(words.size()) + 6.0;  // very short ones say little
    if (sentence.text.ends_with('?')) sentence.score *= 0.5;
  }
  return all;
}

std::string first_line(const Turn& turn) {
  const std::vector<std::string_view> sentences = sentences_of(turn.text);
  return sentences.empty() ? turn.speaker : shortened(sentences.front(), kTitleBytesMax);
}

}  // namespace

void derive_cell(MemCell& cell, std::span<const Turn> turns) {
  cell.deriver = kCellDeriver;
  cell.title.clear();
  cell.episode.clear();
  cell.tokens = 0;
  for (const Turn& turn : turns) cell.tokens += static_cast<int64_t>((turn.text.size() + 3) / 4);
  if (turns.empty()) return;
  std::vector<Sentence> sentences = all_sentences(turns);
  if (sentences.empty()) {
    cell.title = first_line(turns.front());
    return;
  }
  std::ranges::stable_sort(sentences, std::greater<>(), &Sentence::score);
  // An agent's request is its own best title; a chat is named by its most typical sentence.
  const bool is_request = turns.front().kind == SessionKind::agent &&
                          turns.front().tier == Tier::user;
  cell.title = is_request ? first_line(turns.front())
                          : shortened(sentences.front().text, kTitleBytesMax);
  if (sentences.size() > kEpisodeSentences) sentences.resize(kEpisodeSentences);
  std::ranges::sort(sentences, std::less<>(), &Sentence::order);
  for (const Sentence& sentence : sentences) {
    if (!cell.episode.empty()) cell.episode += '\n';
    cell.episode += sentence.speaker + ": " + shortened(sentence.text, kSentenceBytesMax);
  }
  const auto tool_count = std::ranges::count_if(
      turns, [](const Turn& turn) { return turn.tier == Tier::tool; });
  if (tool_count > 0) cell.episode += "\n(" + std::to_string(tool_count) + " tool results)";
}

}  // namespace corvid::memory
