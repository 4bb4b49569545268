// Values as text: Python's str(), repr() and json.dumps().
#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "engine/text/jinja/value.h"
#include "runtime/base/error.h"

namespace corvid::engine::jinja {

namespace {

constexpr int kDepthMax = 64;

// A value that holds another one many times is small, but its text is not.
void check(int depth, size_t size) {
  if (depth > kDepthMax) fail(Code::invalid, "chat template: values are nested too deeply");
  if (size > kTextMax) fail(Code::invalid, "chat template: a value's text is too large");
}

uint32_t code_point(std::string_view character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(character[i]); };
  switch (character.size()) {
    case 1: return byte(0);
    case 2: return (byte(0) & 0x1Fu) << 6 | (byte(1) & 0x3Fu);
    case 3: return (byte(0) & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    case 4:
      return (byte(0) & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 |
             (byte(3) & 0x3Fu);
    default: return 0xFFFD;
  }
}

void append_repr(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += quote;
}

void append_json_string(std::string& out, std::string_view text, bool ascii) {
  out += '"';
  for (std::string_view character : characters(text)) {
    const char c = character[0];
    if (character.size() > 1 || (static_cast<unsigned char>(c) & 0x80)) {
      if (!ascii) {
        out += character;
        continue;
      }
      const uint32_t code = code_point(character);
      if (code >= 0x10000) {
        out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((code - 0x10000) >> 10),
                           0xDC00 + ((code - 0x10000) & 0x3FF));
      } else {
        out += fmt::format("\\u{:04x}", code);
      }
      continue;
    }
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void append_repr(std::string& out, const Value& value, int depth) {
  check(depth, out.size());
  if (value.is_string()) {
    append_repr(out, value.string());
  } else if (value.is_list()) {
    const ListObject& list = value.list();
    out += list.tuple ? '(' : '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i) out += ", ";
      append_repr(out, list.items[i], depth + 1);
    }
    if (list.tuple && list.items.size() == 1) out += ',';
    out += list.tuple ? ')' : ']';
  } else if (value.is_dict()) {
    out += value.dict().is_namespace ? "<Namespace {" : "{";
    bool first = true;
    for (const auto& [key, item] : value.dict().items) {
      if (!first) out += ", ";
      first = false;
      append_repr(out, std::string_view(key));
      out += ": ";
      append_repr(out, item, depth + 1);
    }
    out += value.dict().is_namespace ? "}>" : "}";
  } else if (value.is_undefined()) {
    out += depth ? "Undefined" : "";
  } else if (value.is_none()) {
    out += "None";
  } else if (value.is_bool()) {
    out += value.boolean() ? "True" : "False";
  } else if (value.is_int()) {
    out += std::to_string(value.integer());
  } else if (value.is_real()) {
    out += python_float(value.real());
  } else {
    out += "<function " + value.callable().name + ">";
  }
}

struct JsonWriter {
  const JsonStyle& style;
  std::string out;

  void line_break(int depth) {
    if (style.indent < 0) return;
    out += '\n';
    out.append(static_cast<size_t>(style.indent) * static_cast<size_t>(depth), ' ');
  }

  void separate(bool first, int depth) {
    if (!first) out += style.indent < 0 ? style.item_separator : ",";
    line_break(depth);
  }

  void write_dict(const DictObject& dict, int depth) {
    std::vector<const std::pair<std::string, Value>*> items;
    for (const auto& item : dict.items) items.push_back(&item);
    if (style.sort_keys) {
      std::sort(items.begin(), items.end(),
                [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    out += '{';
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i == 0, depth + 1);
      append_json_string(out, items[i]->first, style.ascii);
      out += style.key_separator;
      write(items[i]->second, depth + 1);
    }
    if (!items.empty()) line_break(depth);
    out += '}';
  }

  void write(const Value& value, int depth) {
    check(depth, out.size());
    if (value.is_string()) {
      append_json_string(out, value.string(), style.ascii);
    } else if (value.is_list()) {
      const auto& items = value.list().items;
      out += '[';
      for (size_t i = 0; i < items.size(); ++i) {
        separate(i == 0, depth + 1);
        write(items[i], depth + 1);
      }
      if (!items.empty()) line_break(depth);
      out += ']';
    } else if (value.is_mapping()) {
      write_dict(value.dict(), depth);
    } else if (value.is_none()) {
      out += "null";
    } else if (value.is_bool()) {
      out += value.boolean() ? "true" : "false";
    } else if (value.is_int()) {
      out += std::to_string(value.integer());
    } else if (value.is_real()) {
      const double v = value.real();
      out += std::isnan(v) ? "NaN" : std::isinf(v) ? (v > 0 ? "Infinity" : "-Infinity")
                                                   : python_float(v);
    } else {
      fail(Code::invalid, "chat template: a value of type " + std::string(value.type_name()) +
                              " cannot be written as JSON");
    }
  }
};

}  // namespace

// Shortest digits that read back the same; the exponent form outside of 1e-4 .. 1e16.
std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double size = std::fabs(value);
  const bool exponent = size != 0 && (size < 1e-4 || size >= 1e16);
  char buffer[64];
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto result = std::to_chars(buffer, buffer + sizeof buffer, value, format);
  std::string text(buffer, result.ptr);
  if (!exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string to_text(const Value& value) {
  return value.is_string() ? value.string() : to_repr(value);
}

std::string to_repr(const Value& value) {
  std::string out;
  append_repr(out, value, 0);
  return out;
}

std::string to_json(const Value& value, const JsonStyle& style) {
  JsonWriter writer{style, {}};
  writer.write(value, 0);
  return std::move(writer.out);
}

}  // namespace corvid::engine::jinja
