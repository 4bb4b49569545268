#pragma once
// A small byte-level tokenizer made on the spot: 256 bytes, a few merges, the usual special tokens.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/gguf.h"
#include "engine/tokenizer.h"

namespace corvid::test {

using engine::GgufFile;
using engine::GgufWriter;
using engine::Tokenizer;

// Text of a vocabulary entry for raw bytes (GPT-2's stand-ins).
inline std::string piece_of_bytes(std::string_view bytes) {
  std::string out;
  for (char c : bytes) {
    const int byte = static_cast<unsigned char>(c);
    int code = byte;
    const auto printable = [](int b) {
      return (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
    };
    if (!printable(byte)) {
      code = 256;
      for (int b = 0; b < byte; ++b) code += !printable(b);
    }
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return out;
}

struct TinyOptions {
  std::string pre = "qwen2";
  bool tag_tokens = true;  // <tool_call> and </tool_call> are single control tokens
  int64_t tag_kind = 3;    // 3 control, 4 user-defined
  bool padded = false;     // ends with two tokens that are not used
  int says_bos = -1;       // tokenizer.ggml.add_bos_token: 0, 1, or absent
  std::vector<std::string> merges{"t h",  "th e",  "r e",   "re ad",  "a d",  "\xC4\xA0 t", "e r",
                                  "i n",  "\" :",  "} }",   "\" }",   "\" }}", "p a",       "t h",
                                  "pa th", "f i",  "fi le", "l e",    "1 2",  "0 0",        "a a",
                                  "aa aa", "n a",  "na m",  "nam e",  "_ fi", "o o",        "{ \"",
                                  "\xC4\xA0 \"", "\xC4\xA0 {", "} }\xC4\x8A"};
};

inline std::unique_ptr<Tokenizer> tiny_tokenizer(const TinyOptions& options = {}) {
  std::vector<std::string> tokens;
  std::vector<int64_t> kinds;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.push_back(piece_of_bytes(std::string(1, static_cast<char>(byte))));
  }
  for (const std::string& merge : options.merges) {
    const size_t space = merge.find(' ', 1);
    const std::string both = merge.substr(0, space) + merge.substr(space + 1);
    bool known = false;
    for (const std::string& token : tokens) known = known || token == both;
    if (!known) tokens.push_back(both);
  }
  // What merges do not make, but a sampled token may be.
  for (std::string_view extra : {"\":", "\"}\n", "<tool", "_call>", "é", "日", "a\"", "\\n"}) {
    const std::string piece = piece_of_bytes(extra);
    bool known = false;
    for (const std::string& token : tokens) known = known || token == piece;
    if (!known) tokens.push_back(piece);
  }
  kinds.assign(tokens.size(), 1);
  std::vector<std::string> specials{"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  for (const std::string& special : specials) {
    tokens.push_back(special);
    kinds.push_back(3);
  }
  if (options.tag_tokens) {
    for (const char* tag : {"<tool_call>", "</tool_call>"}) {
      tokens.push_back(tag);
      kinds.push_back(options.tag_kind);
    }
  }
  for (const char* pad : {"[PAD0]", "[PAD1]"}) {
    if (!options.padded) break;
    tokens.push_back(pad);
    kinds.push_back(5);
  }
  GgufWriter writer;
  if (options.says_bos >= 0) {
    writer.set_boolean("tokenizer.ggml.add_bos_token", options.says_bos == 1);
  }
  writer.set_string("general.architecture", "test");
  writer.set_string("tokenizer.ggml.model", "gpt2");
  writer.set_string("tokenizer.ggml.pre", options.pre);
  writer.set_string_array("tokenizer.ggml.tokens", tokens);
  writer.set_int_array("tokenizer.ggml.token_type", kinds);
  writer.set_string_array("tokenizer.ggml.merges", options.merges);
  int64_t id = 0;
  for (const std::string& token : tokens) {
    if (token == "<|im_end|>") writer.set_integer("tokenizer.ggml.eos_token_id", id);
    if (token == "<|endoftext|>") writer.set_integer("tokenizer.ggml.bos_token_id", id);
    ++id;
  }
  const std::string bytes = writer.bytes();
  const auto file = GgufFile::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  return Tokenizer::make(*file);
}

}  // namespace corvid::test
