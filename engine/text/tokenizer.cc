#include "engine/tokenizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "engine/chat.h"
#include "engine/gguf.h"
#include "engine/text/bpe.h"
#include "engine/text/pre_tokenizer.h"
#include "engine/text/sentence_pieces.h"
#include "engine/text/token_trie.h"
#include "engine/wordpiece.h"
#include "runtime/base/error.h"
#include "runtime/base/once.h"
#include "runtime/base/text.h"

namespace corvid::engine {

namespace {

enum TokenKind : int64_t { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

constexpr std::array<std::string_view, 8> kEndTexts{
    "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|endoftext|>",
    "<|end|>",    "</s>",       "<end_of_turn>", "<|end_of_text|>"};
constexpr std::array<std::string_view, 12> kVisibleTags{
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", kThinkTag, kThinkEndTag,
    "<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>",
    "<|tool_call_argument_begin|>", "<|tool_call_end|>", "<|python_tag|>"};

template <typename Names>
bool is_one_of(const Names& names, std::string_view text) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

// Special tokens by their text; the longest at a place is found in one look-up per length.
struct SpecialSet {
  PieceMap ids;
  std::vector<size_t> lengths;  // longest first
  std::array<bool, 256> starts{};

  void add(const std::string& text, Token id) {
    if (text.empty() || !ids.try_emplace(text, id).second) return;
    starts[static_cast<unsigned char>(text[0])] = true;
    if (std::find(lengths.begin(), lengths.end(), text.size()) == lengths.end()) {
      lengths.push_back(text.size());
      std::sort(lengths.rbegin(), lengths.rend());
    }
  }

  // Id and length of the longest one that `text` begins with.
  std::optional<std::pair<Token, size_t>> match(std::string_view text) const {
    if (!starts[static_cast<unsigned char>(text[0])]) return std::nullopt;
    for (size_t length : lengths) {
      if (length > text.size()) continue;
      const auto found = ids.find(text.substr(0, length));
      if (found != ids.end()) return std::pair{found->second, length};
    }
    return std::nullopt;
  }
};

[[noreturn]] void corrupt(const GgufFile& file, const std::string& what) { file.damaged(what); }

// "<0x1F>" -> the byte; others as they are.
std::string byte_of(const std::string& text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return text;
  return std::string(1, static_cast<char>(std::strtol(text.substr(3, 2).c_str(), nullptr, 16)));
}

}  // namespace

struct Tokenizer::Impl {
  std::vector<std::string> bytes;  // of every token
  std::vector<int64_t> kinds;
  std::vector<bool> ends;
  std::vector<Token> unused;
  PieceMap vocabulary;  // normal tokens by their bytes
  SpecialSet always, parsed;
  std::optional<BytePairs> pairs;
  std::optional<PreTokenizer> pre;  // of byte pairs
  std::optional<SentencePieces> sentence_pieces;
  std::vector<std::string> words;  // as WordPiece spells them
  std::optional<WordPiece> word_pieces;
  Token unknown_word = -1;
  bool space_prefix = false;
  std::array<Token, 256> byte_tokens{};
  Token bos = -1, eos = -1;
  bool add_bos = false, add_eos = false;
  mutable Once trie_once;
  mutable std::unique_ptr<TokenTrie> trie;

  void read_tokens(const GgufFile& file, bool has_spaces);
  void read_byte_pairs(const GgufFile& file, std::string_view pre_asked);
  void read_sentence_pieces(const GgufFile& file);
  void read_word_pieces(const GgufFile& file);
  void read_ends(const GgufFile& file);
  bool hidden(Token token) const;
  void encode_text(std::string_view text, bool after_text, std::vector<Token>& out) const;
};

// `has_spaces`: U+2581 stands for a space, and pieces are not GPT-2's byte letters.
void Tokenizer::Impl::read_tokens(const GgufFile& file, bool has_spaces) {
  byte_tokens.fill(-1);
  std::vector<std::string> texts =
      file.string_array("tokenizer.ggml.tokens").value_or(std::vector<std::string>{});
  if (texts.empty()) corrupt(file, "no tokenizer.ggml.tokens");
  kinds = file.int_array("tokenizer.ggml.token_type")
              .value_or(std::vector<int64_t>(texts.size(), kNormal));
  if (kinds.size() != texts.size()) corrupt(file, "tokens and token types differ in number");
  bytes.resize(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto id = static_cast<Token>(i);
    switch (kinds[i]) {
      case kControl:
      case kUnknown:
        bytes[i] = texts[i];
        parsed.add(bytes[i], id);
        break;
      case kUserDefined:
        bytes[i] = texts[i];
        always.add(bytes[i], id);
        parsed.add(bytes[i], id);
        break;
      case kByte:
        bytes[i] = byte_of(texts[i]);
        if (bytes[i].size() == 1) byte_tokens[static_cast<unsigned char>(bytes[i][0])] = id;
        break;
      default: bytes[i] = has_spaces ? plain_spaces(texts[i]) : bytes_of_piece(texts[i]);
    }
    if (kinds[i] == kUnused) unused.push_back(id);
    const bool is_text = kinds[i] != kControl && kinds[i] != kUserDefined && kinds[i] != kUnused &&
                         !(has_spaces && kinds[i] == kByte);
    if (is_text) vocabulary.try_emplace(bytes[i], id);
  }
}

void Tokenizer::Impl::read_ends(const GgufFile& file) {
  const auto id = [&](const char* key) -> Token {
    const int64_t value = file.integer(key).value_or(-1);
    return value >= 0 && value < static_cast<int64_t>(bytes.size()) ? static_cast<Token>(value)
                                                                    : -1;
  };
  bos = id("tokenizer.ggml.bos_token_id");
  eos = id("tokenizer.ggml.eos_token_id");
  ends.resize(bytes.size());
  for (Token end : {eos, id("tokenizer.ggml.eot_token_id"), id("tokenizer.ggml.eom_token_id")}) {
    if (end >= 0) ends[static_cast<size_t>(end)] = true;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (kinds[i] == kControl && is_one_of(kEndTexts, bytes[i])) ends[i] = true;
  }
}

bool Tokenizer::Impl::hidden(Token token) const {
  const auto index = static_cast<size_t>(token);
  return (kinds[index] == kControl && !is_one_of(kVisibleTags, bytes[index])) ||
         kinds[index] == kUnknown;
}

void Tokenizer::Impl::read_byte_pairs(const GgufFile& file, std::string_view pre_asked) {
  const std::vector<std::string> merges =
      file.string_array("tokenizer.ggml.merges").value_or(std::vector<std::string>{});
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) corrupt(file, "merge '" + merge + "' has no space");
  }
  if (pre_asked.empty()) {
    pre.emplace(file.string("tokenizer.ggml.pre").value_or("default"));
  } else {
    pre.emplace(pre_asked, Code::invalid);
  }
  pairs.emplace(vocabulary, merges);
}

void Tokenizer::Impl::read_sentence_pieces(const GgufFile& file) {
  const auto read = file.real_array("tokenizer.ggml.scores")
                        .value_or(std::vector<double>(bytes.size()));
  if (read.size() != bytes.size()) corrupt(file, "tokens and scores differ in number");
  // Where the file is silent, Llama's own: <unk>, <s>, </s>.
  const int64_t unknown = file.integer("tokenizer.ggml.unknown_token_id").value_or(0);
  if (!file.has("tokenizer.ggml.bos_token_id") && bytes.size() > 1) bos = 1;
  if (!file.has("tokenizer.ggml.eos_token_id") && bytes.size() > 2) {
    eos = 2;
    ends[2] = true;
  }
  const bool known = unknown >= 0 && unknown < static_cast<int64_t>(bytes.size());
  std::vector<float> scores(read.begin(), read.end());
  for (const float score : scores) {
    if (std::isnan(score)) corrupt(file, "tokenizer.ggml.scores has a value that is no number");
  }
  space_prefix = file.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  sentence_pieces.emplace(vocabulary, std::move(scores), byte_tokens,
                          known ? static_cast<Token>(unknown) : -1);
}

// Words begin with U+2581 in the file, by now a space; other pieces go on inside of a word.
void Tokenizer::Impl::read_word_pieces(const GgufFile& file) {
  const auto id = [&](const char* key, Token otherwise) -> Token {
    const int64_t value = file.integer(key).value_or(otherwise);
    const bool known = value < static_cast<int64_t>(bytes.size());
    if (!known) corrupt(file, std::string("impossible ") + key);
    return static_cast<Token>(std::max<int64_t>(value, -1));
  };
  bos = id("tokenizer.ggml.cls_token_id", bos);
  eos = id("tokenizer.ggml.seperator_token_id", eos);  // the format's spelling
  unknown_word = id("tokenizer.ggml.unknown_token_id", -1);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const bool is_word = bytes[i].starts_with(' ');
    words.push_back(kinds[i] != kNormal ? "" : is_word ? bytes[i].substr(1) : "##" + bytes[i]);
  }
  word_pieces.emplace(std::vector<std::string_view>(words.begin(), words.end()));
}

void Tokenizer::Impl::encode_text(std::string_view text, bool after_text,
                                  std::vector<Token>& out) const {
  if (word_pieces) {
    const std::vector<Token> ids =
        word_pieces->encode(text, unknown_word, std::numeric_limits<size_t>::max());
    out.insert(out.end(), ids.begin(), ids.end());
    return;
  }
  if (sentence_pieces) {
    if (text.empty()) return;
    const std::string_view space = space_prefix && !after_text ? " " : "";
    return sentence_pieces->encode(std::string(space).append(text), out);
  }
  // Where a piece was encoded before: most of a prompt's pieces come again.
  std::unordered_map<std::string_view, std::pair<size_t, size_t>> seen;
  for (std::string_view piece : pre->split(text)) {
    const auto known = seen.find(piece);
    if (known != seen.end()) {
      const auto [begin, count] = known->second;
      for (size_t i = begin; i < begin + count; ++i) out.push_back(out[i]);
      continue;
    }
    const size_t begin = out.size();
    const auto whole = pre->ignore_merges() ? vocabulary.find(piece) : vocabulary.end();
    if (whole != vocabulary.end()) {
      out.push_back(whole->second);
    } else {
      pairs->encode(piece, out);
    }
    if (piece.size() <= 64) seen.emplace(piece, std::pair{begin, out.size() - begin});
  }
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

std::unique_ptr<Tokenizer> Tokenizer::make(const GgufFile& file, std::string_view pre) {
  const std::string model = file.string("tokenizer.ggml.model").value_or("");
  const bool is_sentence_piece = model == "llama", is_word_piece = model == "bert";
  if (model != "gpt2" && !is_sentence_piece && !is_word_piece) {
    fail(Code::unsupported, "unknown tokenizer model '" + printable(model) + "' in " +
                                file.path() +
                                "; known: bert (WordPiece) gpt2 (byte-level BPE) " +
                                "llama (SentencePiece)");
  }
  auto impl = std::make_unique<Impl>();
  impl->read_tokens(file, is_sentence_piece || is_word_piece);
  impl->read_ends(file);
  if (is_sentence_piece) {
    impl->read_sentence_pieces(file);
  } else if (is_word_piece) {
    impl->read_word_pieces(file);
  } else {
    impl->read_byte_pairs(file, pre);
  }
  impl->add_bos = file.boolean("tokenizer.ggml.add_bos_token")
                      .value_or(!impl->pre || impl->pre->adds_bos());
  impl->add_eos = file.boolean("tokenizer.ggml.add_eos_token").value_or(is_word_piece);
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(impl)));
}

std::vector<Token> Tokenizer::encode(std::string_view text, bool parse_special,
                                     bool goes_on) const {
  const SpecialSet& specials = parse_special ? impl_->parsed : impl_->always;
  std::vector<Token> out;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const auto found = specials.match(text.substr(at));
    if (!found) {
      ++at;
      continue;
    }
    impl_->encode_text(text.substr(done, at - done), goes_on && done == 0, out);
    out.push_back(found->first);
    at = done = at + found->second;
  }
  impl_->encode_text(text.substr(done), goes_on && done == 0, out);
  return out;
}

std::vector<std::string_view> Tokenizer::pieces(std::string_view text) const {
  if (impl_->pre) return impl_->pre->split(text);
  return text.empty() ? std::vector<std::string_view>{} : std::vector<std::string_view>{text};
}

std::string_view Tokenizer::bytes(Token token, bool show_special) const {
  if (token < 0 || token >= vocab_size()) return {};
  if (!show_special && impl_->hidden(token)) return {};
  return impl_->bytes[static_cast<size_t>(token)];
}

std::string Tokenizer::decode(std::span<const Token> tokens, bool show_special) const {
  std::string out;
  for (Token token : tokens) out += bytes(token, show_special);
  return out;
}

std::string Tokenizer::decode_text(std::span<const Token> tokens, bool show_special) const {
  std::string out = decode(tokens, show_special);
  const bool prefixed =
      impl_->space_prefix && !tokens.empty() && !is_control(tokens.front()) && out.starts_with(' ');
  if (prefixed) out.erase(0, 1);
  return out;
}

int32_t Tokenizer::vocab_size() const { return static_cast<int32_t>(impl_->bytes.size()); }

bool Tokenizer::is_special(Token token) const {
  if (token < 0 || token >= vocab_size()) return false;
  const int64_t kind = impl_->kinds[static_cast<size_t>(token)];
  return kind == kControl || kind == kUserDefined;
}

bool Tokenizer::is_control(Token token) const {
  if (token < 0 || token >= vocab_size()) return false;
  const int64_t kind = impl_->kinds[static_cast<size_t>(token)];
  return kind == kControl || kind == kUnknown;
}

bool Tokenizer::is_unused(Token token) const {
  return token < 0 || token >= vocab_size() || impl_->kinds[static_cast<size_t>(token)] == kUnused;
}

std::span<const Token> Tokenizer::unused() const { return impl_->unused; }

const TokenTrie& Tokenizer::trie() const {
  impl_->trie_once.call([&] { impl_->trie = std::make_unique<TokenTrie>(*this); });
  return *impl_->trie;
}

bool Tokenizer::is_end(Token token) const {
  return token >= 0 && token < vocab_size() && impl_->ends[static_cast<size_t>(token)];
}

Token Tokenizer::find(std::string_view piece) const {
  const auto special = impl_->parsed.ids.find(piece);
  if (special != impl_->parsed.ids.end()) return special->second;
  const auto normal = impl_->vocabulary.find(piece);
  if (normal != impl_->vocabulary.end()) return normal->second;
  return piece.size() == 1 ? impl_->byte_tokens[static_cast<unsigned char>(piece[0])] : -1;
}

Token Tokenizer::bos() const { return impl_->bos; }
Token Tokenizer::eos() const { return impl_->eos; }
bool Tokenizer::add_bos() const { return impl_->add_bos; }
bool Tokenizer::add_eos() const { return impl_->add_eos; }

std::string Detokenizer::push(Token token) {
  pending_ += tokenizer_.bytes(token);
  const size_t whole = whole_characters(pending_);
  std::string out = to_utf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return out;
}

std::string Detokenizer::finish() {
  return std::exchange(pending_, {}).empty() ? "" : "\xEF\xBF\xBD";
}

}  // namespace corvid::engine
