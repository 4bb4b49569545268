#include "engine/text/jinja/support.h"

#include <algorithm>

#include "engine/text/jinja/interpreter.h"
#include "runtime/base/text.h"

namespace corvid::engine::jinja {

namespace {
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
}  // namespace

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = is_lower(c) ? static_cast<char>(c & ~0x20) : c;
  return out;
}

std::string title(std::string_view text) {
  std::string out = lower_case(text);
  bool start = true;
  for (char& c : out) {
    if (start && is_lower(c)) c = static_cast<char>(c & ~0x20);
    start = !is_lower(c) && !is_upper(c);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out = lower_case(text);
  if (!out.empty()) out[0] = upper(out.substr(0, 1))[0];
  return out;
}

std::string_view strip(std::string_view text, const std::string* chars, Side side) {
  static constexpr std::string_view kSpace = " \t\n\r\f\v\x1c\x1d\x1e\x1f";
  const auto in_set = [&](std::string_view character) {
    if (chars) return chars->find(character) != std::string::npos;
    if (character.size() == 1) return kSpace.find(character[0]) != std::string_view::npos;
    for (std::string_view wide : {"\u00a0", "\u0085", "\u3000", "\u2028", "\u2029", "\u1680",
                                  "\u202f", "\u205f"}) {
      if (character == wide) return true;
    }
    return character >= "\u2000" && character <= "\u200a";
  };
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  while (side != Side::right && !text.empty()) {
    size_t size = 1;
    while (size < text.size() && continues(text[size])) ++size;
    if (!in_set(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while (side != Side::left && !text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && continues(text[begin])) --begin;
    if (!in_set(text.substr(begin))) break;
    text.remove_suffix(text.size() - begin);
  }
  return text;
}

std::string replace(Interpreter& in, const std::string& text, const Args& args) {
  const std::string from = string_argument(in, args, 0, "old", "");
  const std::string to = string_argument(in, args, 1, "new", "");
  int64_t count = int_argument(in, args, 2, "count", -1);
  std::string out;
  size_t at = 0;
  if (from.empty()) {
    for (std::string_view character : characters(text)) {
      if (count-- != 0) out += to;
      out += character;
    }
    if (count != 0) out += to;
    in.charge(out.size());
    return out;
  }
  while (count != 0) {
    const size_t found = text.find(from, at);
    if (found == std::string::npos) break;
    out.append(text, at, found - at);
    out += to;
    in.charge(found - at + to.size());
    at = found + from.size();
    --count;
  }
  in.charge(text.size() - at);
  return out.append(text, at);
}

std::string string_argument(Interpreter& in, const Args& args, size_t index, std::string_view name,
                            std::string_view otherwise) {
  const Value* value = args.get(index, name);
  if (!value) return std::string(otherwise);
  if (!value->is_string()) in.error("argument '" + std::string(name) + "' must be a string");
  return value->string();
}

int64_t int_argument(Interpreter& in, const Args& args, size_t index, std::string_view name,
                     int64_t otherwise) {
  const Value* value = args.get(index, name);
  if (!value || value->is_none()) return otherwise;
  if (!value->is_int() && !value->is_bool()) {
    in.error("argument '" + std::string(name) + "' must be an integer");
  }
  return value->integer();
}

bool bool_argument(const Args& args, size_t index, std::string_view name, bool otherwise) {
  const Value* value = args.get(index, name);
  return value ? value->truth() : otherwise;
}

}  // namespace corvid::engine::jinja
