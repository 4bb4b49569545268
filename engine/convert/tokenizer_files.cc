#include "engine/convert/tokenizer_files.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNormal = 1, kControl = 3, kUserDefined = 4, kUnused = 5;
constexpr size_t kVocabularyMax = 1 << 22;

Json read_json(const fs::path& path) {
  Json json = parse_json(read_file(path), path.string());
  if (!json.is_object()) fail(Code::corrupt, "corrupt: " + path.string() + ": no JSON object");
  return json;
}

Json read_json_or_empty(const fs::path& path) {
  return fs::exists(path) ? read_json(path) : Json::object();
}

struct Vocabulary {
  std::vector<std::string> texts;
  std::vector<int64_t> kinds;

  void set(int64_t id, const std::string& text, int64_t kind) {
    if (id < 0 || id >= static_cast<int64_t>(kVocabularyMax)) {
      fail(Code::corrupt, "corrupt: impossible token id " + std::to_string(id));
    }
    const auto at = static_cast<size_t>(id);
    while (texts.size() <= at) {
      texts.push_back("[PAD" + std::to_string(texts.size()) + "]");
      kinds.push_back(kUnused);
    }
    texts[at] = text;
    kinds[at] = kind;
  }
  void write(GgufWriter& out) const {
    out.set_string_array("tokenizer.ggml.tokens", texts);
    out.set_int_array("tokenizer.ggml.token_type", kinds);
  }
};

// nlohmann's look-ups throw for values of another kind; here they are absent.
const Json* member(const Json& object, const char* key, Json::value_t kind) {
  if (!object.is_object() || !object.contains(key)) return nullptr;
  const Json& value = object.at(key);
  const bool is_number = kind == Json::value_t::number_unsigned && value.is_number_unsigned();
  return value.type() == kind || is_number ? &value : nullptr;
}

const Json& needed(const Json& object, const char* key, Json::value_t kind, const fs::path& path) {
  const Json* found = member(object, key, kind);
  if (found == nullptr) {
    fail(Code::corrupt, "corrupt: " + path.string() + ": no '" + std::string(key) + "'");
  }
  return *found;
}

void add_special(const Json& tokenizer, Vocabulary& vocabulary) {
  const Json* added = member(tokenizer, "added_tokens", Json::value_t::array);
  if (added == nullptr) return;
  for (const Json& token : *added) {
    const Json* text = member(token, "content", Json::value_t::string);
    const Json* id = member(token, "id", Json::value_t::number_unsigned);
    if (text == nullptr || id == nullptr) continue;
    vocabulary.set(id->get<int64_t>(), text->get<std::string>(),
                   json_bool_or(token, "special", false) ? kControl : kUserDefined);
  }
}

// "a b" or ["a", "b"].
std::vector<std::string> read_merges(const Json& merges, const fs::path& path) {
  std::vector<std::string> result;
  for (const Json& merge : merges) {
    if (merge.is_string()) {
      result.push_back(merge.get<std::string>());
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      result.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    } else {
      fail(Code::corrupt, "corrupt: " + path.string() + ": impossible merge");
    }
  }
  return result;
}

bool is_byte_level(const Json& part) {
  if (!part.is_object()) return false;
  if (json_string_or(part, "type", "") == "ByteLevel") return true;
  const Json* inner = member(part, "pretokenizers", Json::value_t::array);
  if (inner == nullptr) return false;
  for (const Json& one : *inner) {
    if (is_byte_level(one)) return true;
  }
  return false;
}

void write_chat_template(const fs::path& folder, const Json& config, GgufWriter& out) {
  const fs::path file = folder / "chat_template.jinja";
  if (fs::exists(file)) {
    out.set_string("tokenizer.chat_template", read_file(file));
  } else if (const Json* text = member(config, "chat_template", Json::value_t::string)) {
    out.set_string("tokenizer.chat_template", text->get<std::string>());
  }
}

}  // namespace

void write_word_pieces(const fs::path& folder, GgufWriter& out) {
  const fs::path path = folder / "tokenizer.json";
  const Json tokenizer = read_json_or_empty(path);
  const Json config = read_json_or_empty(folder / "tokenizer_config.json");
  const Json* normalizer = member(tokenizer, "normalizer", Json::value_t::object);
  const bool lower = normalizer != nullptr ? json_bool_or(*normalizer, "lowercase", true)
                                           : json_bool_or(config, "do_lower_case", true);
  if (!lower) fail(Code::unsupported, folder.string() + ": a cased BERT tokenizer");
  Vocabulary vocabulary;
  const std::string text = read_file(folder / "vocab.txt");
  constexpr std::array<std::string_view, 5> kSpecial{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  constexpr std::array<const char*, 5> kKeys{"padding", "unknown", "cls", "seperator", "mask"};
  std::array<int64_t, 5> special;
  special.fill(-1);
  int64_t id = 0;
  for (const std::string_view line : split_lines(text)) {
    const std::string word(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    size_t at = 0;
    while (at < kSpecial.size() && kSpecial[at] != word) ++at;
    if (at < kSpecial.size()) {
      special[at] = id;
      vocabulary.set(id, word, kControl);
    } else {
      vocabulary.set(id, word.starts_with("##") && word.size() > 2 ? word.substr(2)
                                                                   : "\xE2\x96\x81" + word,
                     kNormal);
    }
    ++id;
  }
  if (special[1] < 0 || special[2] < 0 || special[3] < 0) {
    fail(Code::unsupported, folder.string() + ": vocab.txt without [UNK], [CLS] and [SEP]");
  }
  out.set_string("tokenizer.ggml.model", "bert");
  out.set_string("tokenizer.ggml.pre", "bert-bge");
  vocabulary.write(out);
  for (size_t i = 0; i < kKeys.size(); ++i) {
    if (special[i] < 0) continue;
    out.set_integer("tokenizer.ggml." + std::string(kKeys[i]) + "_token_id", special[i]);
  }
  out.set_integer("tokenizer.ggml.bos_token_id", special[2]);
  out.set_integer("tokenizer.ggml.eos_token_id", special[3]);
}

void write_byte_pairs(const fs::path& folder, const std::string& pre, int64_t vocab_size,
                      GgufWriter& out) {
  const fs::path path = folder / "tokenizer.json";
  const Json tokenizer = read_json(path);
  const Json& model = needed(tokenizer, "model", Json::value_t::object, path);
  const bool is_known = json_string_or(model, "type", "BPE") == "BPE" &&
                        tokenizer.contains("pre_tokenizer") &&
                        is_byte_level(tokenizer.at("pre_tokenizer"));
  if (!is_known) {
    fail(Code::unsupported, path.string() + " is not byte-level BPE; SentencePiece models " +
                                "(tokenizer.model) are not converted");
  }
  Vocabulary vocabulary;
  for (const auto& [text, id] : needed(model, "vocab", Json::value_t::object, path).items()) {
    if (!id.is_number_unsigned()) fail(Code::corrupt, "corrupt: " + path.string() + ": vocab");
    vocabulary.set(id.get<int64_t>(), text, kNormal);
  }
  add_special(tokenizer, vocabulary);
  if (static_cast<int64_t>(vocabulary.texts.size()) > vocab_size) {
    fail(Code::corrupt, "corrupt: " + path.string() + " has more tokens than the model");
  }
  const auto last = static_cast<size_t>(vocab_size) - 1;
  if (vocabulary.texts.size() <= last) {
    vocabulary.set(vocab_size - 1, "[PAD" + std::to_string(last) + "]", kUnused);
  }
  out.set_string("tokenizer.ggml.model", "gpt2");
  out.set_string("tokenizer.ggml.pre", pre);
  vocabulary.write(out);
  const Json& merges = needed(model, "merges", Json::value_t::array, path);
  out.set_string_array("tokenizer.ggml.merges", read_merges(merges, path));
  const Json config = read_json_or_empty(folder / "tokenizer_config.json");
  out.set_boolean("tokenizer.ggml.add_bos_token", json_bool_or(config, "add_bos_token",
                                                               pre == "llama-bpe"));
  write_chat_template(folder, config, out);
}

}  // namespace corvid::engine
