#include "engine/convert/tokenizer_files.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/convert/sentence_model.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "runtime/base/text.h"

namespace corvid::engine {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6;
constexpr double kNeverMerged = -1e9;
constexpr std::string_view kVisibleSpace = "\xE2\x96\x81";
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
  void fill(int64_t vocab_size, const fs::path& path) {
    if (static_cast<int64_t>(texts.size()) > vocab_size) {
      fail(Code::corrupt, "corrupt: " + path.string() + " has more tokens than the model");
    }
    const std::string last = "[PAD" + std::to_string(vocab_size - 1) + "]";
    if (static_cast<int64_t>(texts.size()) < vocab_size) set(vocab_size - 1, last, kUnused);
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

// Of ids from `first` on.
void add_special(const Json& tokenizer, int64_t first, Vocabulary& vocabulary) {
  const Json* added = member(tokenizer, "added_tokens", Json::value_t::array);
  if (added == nullptr) return;
  for (const Json& token : *added) {
    const Json* text = member(token, "content", Json::value_t::string);
    const Json* id = member(token, "id", Json::value_t::number_unsigned);
    if (text == nullptr || id == nullptr || id->get<int64_t>() < first) continue;
    vocabulary.set(id->get<int64_t>(), text->get<std::string>(),
                   json_bool_or(token, "special", false) ? kControl : kUserDefined);
  }
}

void read_vocabulary(const Json& model, const fs::path& path, Vocabulary& vocabulary) {
  for (const auto& [text, id] : needed(model, "vocab", Json::value_t::object, path).items()) {
    if (!id.is_number_unsigned()) fail(Code::corrupt, "corrupt: " + path.string() + ": vocab");
    vocabulary.set(id.get<int64_t>(), text, kNormal);
  }
}

// "a b" or ["a", "b"].
std::vector<std::string> read_merges(const Json& merges, const fs::path& path) {
  std::vector<std::string> result;
  for (const Json& merge : merges) {
    const std::string text = merge.is_string() ? merge.get<std::string>() : "";
    if (text.find(' ', 1) != text.npos) {
      result.push_back(text);
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

void write_byte_pairs(const Json& tokenizer, const fs::path& path, const std::string& pre,
                      int64_t vocab_size, GgufWriter& out) {
  const Json& model = needed(tokenizer, "model", Json::value_t::object, path);
  Vocabulary vocabulary;
  read_vocabulary(model, path, vocabulary);
  add_special(tokenizer, 0, vocabulary);
  vocabulary.fill(vocab_size, path);
  out.set_string("tokenizer.ggml.model", "gpt2");
  out.set_string("tokenizer.ggml.pre", pre);
  vocabulary.write(out);
  const Json& merges = needed(model, "merges", Json::value_t::array, path);
  out.set_string_array("tokenizer.ggml.merges", read_merges(merges, path));
}

// Of a normalizer or pre-tokenizer and those in it: what they do to spaces; false for anything
// else.
bool only_spaces(const Json& part, bool& adds_space) {
  if (!part.is_object()) return part.is_null();
  const std::string type = json_string_or(part, "type", "");
  if (type == "Prepend") return adds_space = json_string_or(part, "prepend", "") == kVisibleSpace;
  if (type == "Replace") {
    return part.value("pattern", Json()) == Json{{"String", " "}} &&
           json_string_or(part, "content", "") == kVisibleSpace;
  }
  if (type == "Metaspace") {
    const std::string visible(kVisibleSpace);
    if (json_string_or(part, "replacement", visible) != visible) return false;
    const bool adds = json_bool_or(part, "add_prefix_space", true) &&
                      json_string_or(part, "prepend_scheme", "always") != "never";
    adds_space = adds_space || adds;
    return !json_bool_or(part, "split", true);
  }
  const Json* inner = member(part, "normalizers", Json::value_t::array);
  if (type != "Sequence" || inner == nullptr) return false;
  return std::all_of(inner->begin(), inner->end(),
                     [&](const Json& one) { return only_spaces(one, adds_space); });
}

// tokenizer.json made of a SentencePiece model with byte pairs: what it merges earlier has the
// higher score.
SentenceModel sentence_model(const Json& tokenizer, const fs::path& path) {
  SentenceModel result;
  const Json& model = needed(tokenizer, "model", Json::value_t::object, path);
  result.algorithm = 2;
  result.adds_space = false;
  const Json normalizer = tokenizer.value("normalizer", Json());
  const Json splitter = tokenizer.value("pre_tokenizer", Json());
  const bool is_known = json_string_or(model, "type", "") == "BPE" &&
                        json_bool_or(model, "byte_fallback", false) &&
                        only_spaces(normalizer, result.adds_space) &&
                        only_spaces(splitter, result.adds_space);
  if (!is_known) {
    fail(Code::unsupported, path.string() + " is neither byte-level BPE nor SentencePiece's byte "
                                            "pairs that fall back to bytes");
  }
  Vocabulary vocabulary;
  read_vocabulary(model, path, vocabulary);
  add_special(tokenizer, 0, vocabulary);
  result.pieces = vocabulary.texts;
  result.kinds = vocabulary.kinds;
  result.scores.assign(result.pieces.size(), kNeverMerged);
  std::unordered_map<std::string_view, size_t> ids;
  const std::string unknown = json_string_or(model, "unk_token", "<unk>");
  for (size_t i = 0; i < result.pieces.size(); ++i) {
    const std::string& piece = result.pieces[i];
    ids.emplace(piece, i);
    if (piece == unknown) {
      result.unknown = static_cast<int64_t>(i);
      result.kinds[i] = kUnknown;
    } else if (piece.size() == 6 && piece.starts_with("<0x") && result.kinds[i] == kNormal) {
      result.kinds[i] = kByte;
    }
  }
  const auto id_of = [&ids](std::string_view text) {
    const auto found = ids.find(text);
    return found == ids.end() ? int64_t{-1} : static_cast<int64_t>(found->second);
  };
  result.bos = id_of("<s>");
  result.eos = id_of("</s>");
  double score = 0;
  for (const std::string& merge : read_merges(needed(model, "merges", Json::value_t::array, path),
                                              path)) {
    const size_t space = merge.find(' ');
    const int64_t made = id_of(merge.substr(0, space) + merge.substr(space + 1));
    --score;
    if (made < 0) continue;
    double& own = result.scores[static_cast<size_t>(made)];
    own = std::max(own, score);
  }
  return result;
}

void write_sentence_pieces(SentenceModel model, const Json& tokenizer, const fs::path& path,
                           int64_t vocab_size, GgufWriter& out) {
  if (model.algorithm != 2 || model.changes_text) {
    fail(Code::unsupported, path.string() + ": of SentencePiece, byte pairs over plain text alone "
                                            "are converted");
  }
  Vocabulary vocabulary;
  vocabulary.texts = std::move(model.pieces);
  vocabulary.kinds = std::move(model.kinds);
  add_special(tokenizer, static_cast<int64_t>(vocabulary.texts.size()), vocabulary);
  vocabulary.fill(vocab_size, path);
  model.scores.resize(vocabulary.texts.size(), kNeverMerged);
  out.set_string("tokenizer.ggml.model", "llama");
  out.set_string("tokenizer.ggml.pre", "default");
  vocabulary.write(out);
  out.set_real_array("tokenizer.ggml.scores", model.scores);
  out.set_boolean("tokenizer.ggml.add_space_prefix", model.adds_space);
  for (const auto& [name, id] : {std::pair{"unknown", model.unknown}, {"bos", model.bos},
                                 {"eos", model.eos}}) {
    if (id >= 0) out.set_integer("tokenizer.ggml." + std::string(name) + "_token_id", id);
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

void write_decoder_tokens(const fs::path& folder, const std::string& pre, int64_t vocab_size,
                          GgufWriter& out) {
  const fs::path path = folder / "tokenizer.json", model = folder / "tokenizer.model";
  const Json tokenizer = read_json_or_empty(path);
  const Json* kind = member(tokenizer, "model", Json::value_t::object);
  const bool has_byte_letters = kind != nullptr && json_string_or(*kind, "type", "BPE") == "BPE" &&
                                is_byte_level(tokenizer.value("pre_tokenizer", Json()));
  if (has_byte_letters) {
    write_byte_pairs(tokenizer, path, pre, vocab_size, out);
  } else if (fs::exists(model)) {
    write_sentence_pieces(parse_sentence_model(read_file(model), model.string()), tokenizer, model,
                          vocab_size, out);
  } else {
    write_sentence_pieces(sentence_model(read_json(path), path), tokenizer, path, vocab_size, out);
  }
  const Json config = read_json_or_empty(folder / "tokenizer_config.json");
  out.set_boolean("tokenizer.ggml.add_bos_token",
                  json_bool_or(config, "add_bos_token", !has_byte_letters || pre == "llama-bpe"));
  write_chat_template(folder, config, out);
}

}  // namespace corvid::engine
