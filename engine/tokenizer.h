#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corvid::engine {

class GgufFile;
class TokenTrie;
using Token = int32_t;

// Text <-> tokens as the model file defines them. Const and thread-safe after construction.
class Tokenizer {
 public:
  // Reads `tokenizer.ggml.*`. `pre` overrides the file's pre-tokenizer (for files that lack or
  // misname it). Throws unsupported (tokenizer model or the file's pre-tokenizer, naming the known
  // ones), invalid (an unknown `pre`) or corrupt.
  static std::unique_ptr<Tokenizer> make(const GgufFile& file, std::string_view pre = {});
  ~Tokenizer();

  // `parse_special`: control tokens written in the text become their ids: on for template text, off
  // for message text. User-defined tokens always do: to the model they are text. No BOS is added.
  // What overlaps is cut leftmost first, then longest. Bytes that the vocabulary lacks are dropped.
  // `goes_on`: the text follows other text, so that SentencePiece puts no space before it.
  std::vector<Token> encode(std::string_view text, bool parse_special, bool goes_on = false) const;
  // The pieces within which encode() merges (no special tokens); views into `text`.
  std::vector<std::string_view> pieces(std::string_view text) const;

  // Bytes of one token; empty for a control token unless `show_special`. The tags of calls, tool
  // responses and reasoning (<tool_call>, <think>, ...) are for programs to read: always shown.
  std::string_view bytes(Token token, bool show_special = false) const;
  std::string decode(std::span<const Token> tokens, bool show_special = false) const;
  // The same for a whole text: without the space that SentencePiece puts before it.
  std::string decode_text(std::span<const Token> tokens, bool show_special = false) const;

  int32_t vocab_size() const;
  bool is_special(Token token) const;        // control or user-defined
  bool is_control(Token token) const;        // never part of message text
  bool is_unused(Token token) const;         // padding of the vocabulary: stands for nothing
  std::span<const Token> unused() const;     // all of these
  bool is_end(Token token) const;            // any end-of-generation token
  Token find(std::string_view piece) const;  // id of a token that stands for these bytes; -1: none
  Token bos() const;                         // -1: none
  Token eos() const;                         // -1: none
  bool add_bos() const;
  bool add_eos() const;
  // The vocabulary as constrained decoding walks it; built at first use.
  const TokenTrie& trie() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Turns tokens into text as they come, never emitting half a UTF-8 character.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::string push(Token token);
  std::string finish();  // what is left; an incomplete character becomes U+FFFD

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
};

}  // namespace corvid::engine
