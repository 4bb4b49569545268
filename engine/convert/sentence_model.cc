#include "engine/convert/sentence_model.h"

#include <functional>

#include "engine/files/byte_reader.h"

namespace corvid::engine {
namespace {

constexpr size_t kPiecesMax = 1 << 22;
enum WireType : uint64_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      // of a varint; the bits of a fixed one
  std::string_view bytes;  // of a text or a message

  int64_t integer() const { return static_cast<int64_t>(value); }
};

uint64_t read_varint(ByteReader& in) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    const auto byte = in.read<uint8_t>("a number");
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  in.damaged("a number of more than ten bytes");
}

// Calls `visit` for every field of a message.
void for_each_field(std::string_view message, const std::string& name,
                    const std::function<void(const Field&)>& visit) {
  ByteReader in(std::as_bytes(std::span(message)), name);
  while (in.left() > 0) {
    const uint64_t key = read_varint(in);
    Field field;
    field.number = key >> 3;
    switch (key & 7) {
      case kVarint: field.value = read_varint(in); break;
      case kFixed64: field.value = in.read<uint64_t>("a number"); break;
      case kFixed32: field.value = in.read<uint32_t>("a number"); break;
      case kBytes: {
        const uint64_t size = read_varint(in);
        field.bytes = {reinterpret_cast<const char*>(in.take(size, "a field")), size};
        break;
      }
      default: in.damaged("a field of an unknown kind");
    }
    visit(field);
  }
}

void add_piece(std::string_view message, const std::string& name, SentenceModel& model) {
  if (model.pieces.size() >= kPiecesMax) {
    fail(Code::corrupt, "corrupt: " + name + ": too many pieces");
  }
  std::string text;
  double score = 0;
  int64_t kind = 1;
  for_each_field(message, name, [&](const Field& field) {
    if (field.number == 1) text = field.bytes;
    if (field.number == 2) {
      const auto bits = static_cast<uint32_t>(field.value);
      float value;
      std::memcpy(&value, &bits, sizeof value);
      score = static_cast<double>(value);
    }
    if (field.number == 3) kind = field.integer();
  });
  if (kind < 1 || kind > 6) fail(Code::corrupt, "corrupt: " + name + ": a piece of unknown kind");
  model.pieces.push_back(std::move(text));
  model.scores.push_back(score);
  model.kinds.push_back(kind);
}

}  // namespace

SentenceModel parse_sentence_model(std::string_view bytes, const std::string& name) {
  SentenceModel model;
  model.changes_text = true;  // drops white space where it does not say otherwise
  bool has_map = false, has_suffixes = false, shows_spaces = true;
  for_each_field(bytes, name, [&](const Field& field) {
    if (field.number == 1) add_piece(field.bytes, name, model);
    if (field.number == 2) {
      for_each_field(field.bytes, name, [&](const Field& trainer) {
        if (trainer.number == 3) model.algorithm = trainer.integer();
        if (trainer.number == 24) has_suffixes = trainer.value != 0;
        if (trainer.number == 40) model.unknown = trainer.integer();
        if (trainer.number == 41) model.bos = trainer.integer();
        if (trainer.number == 42) model.eos = trainer.integer();
      });
    }
    if (field.number != 3) return;
    for_each_field(field.bytes, name, [&](const Field& normalizer) {
      if (normalizer.number == 2) has_map = !normalizer.bytes.empty();
      if (normalizer.number == 3) model.adds_space = normalizer.value != 0;
      if (normalizer.number == 4) model.changes_text = normalizer.value != 0;
      if (normalizer.number == 5) shows_spaces = normalizer.value != 0;
    });
  });
  model.changes_text = model.changes_text || has_map || has_suffixes || !shows_spaces;
  if (model.pieces.empty()) fail(Code::corrupt, "corrupt: " + name + ": no pieces");
  return model;
}

}  // namespace corvid::engine
