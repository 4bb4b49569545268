#define PCRE2_CODE_UNIT_WIDTH 8
#include "engine/text/pre_tokenizer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include <pcre2.h>

#include "runtime/base/error.h"

namespace corvid::engine {

namespace {

// The patterns are those of llama.cpp's llama-vocab.cpp, written with plain classes where it uses
// groups, so that matching needs no stack per character.
constexpr std::string_view kContractions =
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
constexpr std::string_view kGpt2 =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
constexpr std::string_view kSpaceRules = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

std::string llama3(std::string_view digits, std::string_view contractions = kContractions) {
  return std::string(contractions) + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + std::string(digits) +
         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" + std::string(kSpaceRules);
}

// Words whose letters turn from upper to lower case at most once.
std::string cased(std::string_view suffix, std::string_view digits) {
  const std::string upper = "[^\\P{L}a-z]", lower = "[^\\P{L}A-Z]";
  const std::string start = "[^\\r\\n\\p{L}\\p{N}]?";
  return start + upper + "*" + lower + "+" + std::string(suffix) + "|" + start + upper + "+" +
         lower + "*" + std::string(suffix) + "|" + std::string(digits) +
         "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" + std::string(kSpaceRules);
}

std::string kimi_k2() {
  return "\\p{Han}+|[^\\r\\n\\p{L}\\p{N}]?[^\\P{L}\\p{Han}]+" + std::string(kContractions) +
         "?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" + std::string(kSpaceRules);
}

// Ranges of code points in hexadecimal, as the DeepSeek tokenizers list them. White space other
// than ASCII's belongs to none, which is how llama.cpp matches ranges.
constexpr std::string_view kCasedLetters =
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F "
    "386 388-38A 38C 38E-3A1 3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD "
    "1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 1F18-1F1D 1F20-1F45 "
    "1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 "
    "1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 "
    "2119-211D 2124 2126 2128 212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 "
    "2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D A680-A69B A722-A76F A771-A787 "
    "A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 "
    "104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943";
constexpr std::string_view kPunctuation =
    "21-2F 3A-7E FF01-FF0F FF1A-FF5E 2018-201F 3001-3002";
constexpr std::string_view kCjk =
    "4E00-9FA5 800-167F 1681-1FFF 200B-2027 202A-202E 2030-205E 2060-2FFF 3001-4E00 AC00-D7FF";
constexpr std::string_view kKanaAndHan = "4E00-9FA5 3040-309F 30A0-30FF";

std::string char_class(std::string_view ranges) {
  std::string out = "[";
  std::string_view rest = ranges;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find_first_of(" -"), rest.size());
    out.append("\\x{").append(rest.substr(0, end)).append("}");
    if (end < rest.size() && rest[end] == '-') out += '-';
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out + "]+";
}

struct Scheme {
  std::string_view names;  // separated by spaces
  std::vector<std::string> patterns;
  bool ignore_merges = false;
  bool group_digits = false;  // afterwards, runs of digits in threes from the right
};

std::vector<Scheme> schemes() {
  const std::string gpt2(kGpt2);
  return {
      {"default", {"[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2, "\\p{N}+", "[0-9][0-9][0-9]"}},
      {"gpt-2 mpt olmo jais trillion granite-docling phi-2 roberta-bpe jina-es jina-de jina-v1-en "
       "jina-v2-es jina-v2-de jina-v2-code a.x-4.0 mellum gigachat exaone4",
       {gpt2}},
      {"llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
       {llama3("\\p{N}{1,3}")},
       true},
      {"dbrx smaug-bpe chatglm-bpe glm4", {llama3("\\p{N}{1,3}")}},
      {"qwen2 deepseek-r1-qwen kormo megrez stablelm2 hunyuan solar-open", {llama3("\\p{N}")}},
      {"bailingmoe bailingmoe2 llada-moe",
       {llama3("\\p{N}", "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])")}},
      {"qwen35",
       {std::string(kContractions) +
        "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" +
        std::string(kSpaceRules)}},
      {"tekken", {cased("", "\\p{N}")}, true},
      {"gpt-4o llama4 kanana2 minimax-m2",
       {cased(std::string(kContractions) + "?", "\\p{N}{1,3}")}},
      {"kimi-k2", {kimi_k2()}},
      // llama.cpp does not count '~' among the symbols, and files are made with it in mind.
      {"deepseek-v3 hunyuan-dense joyai-llm",
       {"\\p{N}{1,3}", char_class(kKanaAndHan),
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|(?:~|[^\\r\\n\\p{L}\\p{P}\\p{S}])?"
        "[\\p{L}\\p{M}]+| ?[^\\p{L}\\p{M}\\p{N}\\p{Z}\\p{C}~]+[\\r\\n]*|" +
            std::string(kSpaceRules)}},
      {"deepseek-llm",
       {"[\\r\\n]", "\\s?" + char_class(kCasedLetters), "\\s?" + char_class(kPunctuation), "\\s+$",
        char_class(kCjk), "\\p{N}+"}},
      {"deepseek-coder",
       {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", char_class(kCjk), "\\p{N}"}},
      {"falcon", {"[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2, "[0-9][0-9][0-9]"}},
      {"starcoder refact command-r smollm codeshell exaone minerva-7b", {"\\p{N}", gpt2}},
      {"seed-coder",
       {std::string(kContractions) +
        "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" +
        std::string(kSpaceRules)}},
      {"superbpe", {"\\p{N}+"}, false, true},
  };
}

bool has_name(std::string_view names, std::string_view name) {
  for (size_t at = 0; at < names.size();) {
    const size_t end = std::min(names.find(' ', at), names.size());
    if (names.substr(at, end - at) == name) return true;
    at = end + 1;
  }
  return false;
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

}  // namespace

struct PreTokenizer::Pattern {
  explicit Pattern(const std::string& text) {
    int error = 0;
    PCRE2_SIZE at = 0;
    code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                         PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &at, nullptr);
    if (!code) fail(Code::invalid, "pre-tokenizer pattern does not compile: " + text);
    // Where the system forbids executable memory the interpreter runs instead.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  }
  ~Pattern() { pcre2_code_free(code); }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // Matches and the gaps between them, each a piece.
  void split(std::string_view text, pcre2_match_data* match,
             std::vector<std::string_view>& pieces) const {
    size_t done = 0, at = 0;
    while (at < text.size()) {
      const int found = pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                    at, 0, match, nullptr);
      if (found == PCRE2_ERROR_NOMATCH) break;
      if (found < 0) {
        fail(Code::invalid, "text cannot be split: PCRE2 error " + std::to_string(found));
      }
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(match);
      if (range[1] <= range[0]) {
        at = range[0] + 1;
        continue;
      }
      if (range[0] > done) pieces.push_back(text.substr(done, range[0] - done));
      pieces.push_back(text.substr(range[0], range[1] - range[0]));
      at = done = range[1];
    }
    if (done < text.size()) pieces.push_back(text.substr(done));
  }

  pcre2_code* code = nullptr;
};

PreTokenizer::PreTokenizer(std::string_view name, Code if_unknown) {
  const std::vector<Scheme> all = schemes();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Scheme& scheme) {
    return has_name(scheme.names, name);
  });
  if (found == all.end()) {
    std::string known;
    for (const Scheme& scheme : all) known.append(" ").append(scheme.names);
    fail(if_unknown, "unknown pre-tokenizer '" + std::string(name) + "'; known:" + known);
  }
  for (const std::string& pattern : found->patterns) {
    patterns_.push_back(std::make_unique<Pattern>(pattern));
  }
  ignore_merges_ = found->ignore_merges;
  group_digits_ = found->group_digits;
}

PreTokenizer::~PreTokenizer() = default;

std::vector<std::string_view> PreTokenizer::split(std::string_view text) const {
  std::vector<std::string_view> pieces, next;
  if (text.empty()) return pieces;
  pieces.push_back(text);
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> match(
      pcre2_match_data_create(1, nullptr), pcre2_match_data_free);
  for (const auto& pattern : patterns_) {
    next.clear();
    next.reserve(pieces.size());
    for (std::string_view piece : pieces) pattern->split(piece, match.get(), next);
    pieces.swap(next);
  }
  if (!group_digits_) return pieces;
  next.clear();
  for (std::string_view piece : pieces) {
    if (!all_digits(piece)) {
      next.push_back(piece);
      continue;
    }
    for (size_t at = 0, size = piece.size() % 3 ? piece.size() % 3 : 3; at < piece.size();
         at += size, size = 3) {
      next.push_back(piece.substr(at, size));
    }
  }
  return next;
}

}  // namespace corvid::engine
