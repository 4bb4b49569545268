// The table of filters. Those that work on sequences are in sequence_filters.cc.
#include <array>
#include <charconv>
#include <cmath>

#include "engine/text/jinja/interpreter.h"
#include "engine/text/jinja/sequence_filters.h"
#include "engine/text/jinja/support.h"
#include "runtime/base/text.h"

namespace corvid::engine::jinja {

namespace {

Value trim(Interpreter& in, const Value& v, const Args& args) {
  const std::string text = in.text(v);
  const Value* chars = args.get(0, "chars");
  const bool given = chars && chars->is_string();
  return strip(text, given ? &chars->string() : nullptr, Side::both);
}

Value tojson(Interpreter& in, const Value& v, const Args& args) {
  JsonStyle style;
  style.indent = static_cast<int>(int_argument(in, args, 1, "indent", -1));
  // Jinja's own filter takes the indentation first; Hugging Face's takes ensure_ascii.
  if (const Value* first = args.get(0, "ensure_ascii")) {
    if (first->is_int() && args.positional.size() == 1) {
      style.indent = static_cast<int>(first->integer());
    } else {
      style.ascii = first->truth();
    }
  }
  if (style.indent > 64) in.error("indent is too large");
  if (const Value* separators = args.get(2, "separators"); separators && separators->is_list()) {
    const auto& items = separators->list().items;
    if (items.size() != 2 || !items[0].is_string() || !items[1].is_string()) {
      in.error("separators must be two strings");
    }
    style.item_separator = items[0].string();
    style.key_separator = items[1].string();
  }
  style.sort_keys = bool_argument(args, 3, "sort_keys", false);
  std::string text = to_json(v, style);
  in.charge(text.size());
  return Value(std::move(text));
}

Value length(Interpreter& in, const Value& v, const Args&) {
  if (v.is_undefined()) return 0;
  if (v.is_string()) return character_count(v.string());
  if (v.is_list()) return static_cast<int64_t>(v.list().items.size());
  if (v.is_mapping()) return static_cast<int64_t>(v.dict().items.size());
  in.error("object of type '" + std::string(v.type_name()) + "' has no len()");
}

Value default_value(Interpreter&, const Value& v, const Args& args) {
  const bool also_false = bool_argument(args, 1, "boolean", false);
  if (!v.is_undefined() && (!also_false || v.truth())) return v;
  const Value* otherwise = args.get(0, "default_value");
  return otherwise ? *otherwise : Value("");
}

Value to_int(Interpreter& in, const Value& v, const Args& args) {
  const int64_t otherwise = int_argument(in, args, 0, "default", 0);
  if (v.is_real()) {
    return std::fabs(v.real()) < 9e18 ? static_cast<int64_t>(v.real()) : otherwise;
  }
  if (v.is_number()) return v.integer();
  if (!v.is_string()) return otherwise;
  std::string_view text = strip(v.string(), nullptr, Side::both);
  if (text.starts_with('+')) text.remove_prefix(1);
  int64_t whole = 0;
  const char* end = text.data() + text.size();
  const auto w = std::from_chars(text.data(), end, whole);
  if (w.ec == std::errc() && w.ptr == end) return whole;
  double real = 0;
  const auto r = std::from_chars(text.data(), end, real);
  const bool good = r.ec == std::errc() && r.ptr == end && std::fabs(real) < 9e18;
  return good ? static_cast<int64_t>(real) : otherwise;
}

Value to_float(Interpreter&, const Value& v, const Args& args) {
  const Value* given = args.get(0, "default");
  const Value otherwise = given ? *given : Value(0.0);
  if (v.is_number()) return v.real();
  if (!v.is_string()) return otherwise;
  const std::string_view text = strip(v.string(), nullptr, Side::both);
  double real = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), real);
  return r.ec == std::errc() && r.ptr == text.data() + text.size() ? Value(real) : otherwise;
}

Value absolute(Interpreter& in, const Value& v, const Args&) {
  if (v.is_real()) return std::fabs(v.real());
  if (!v.is_number() || v.integer() == INT64_MIN) in.error("abs() needs a number");
  return v.integer() < 0 ? -v.integer() : v.integer();
}

Value round_number(Interpreter& in, const Value& v, const Args& args) {
  if (!v.is_number()) in.error("round needs a number");
  const int64_t digits = int_argument(in, args, 0, "precision", 0);
  const std::string method = string_argument(in, args, 1, "method", "common");
  const double scale = std::pow(10.0, static_cast<double>(digits));
  const double scaled = v.real() * scale;
  if (method == "ceil") return std::ceil(scaled) / scale;
  if (method == "floor") return std::floor(scaled) / scale;
  return std::nearbyint(scaled) / scale;
}

Value indent(Interpreter& in, const Value& v, const Args& args) {
  const std::string text = in.text(v);
  const Value* width = args.get(0, "width");
  std::string prefix(4, ' ');
  if (width && width->is_string()) prefix = width->string();
  if (width && width->is_int()) {
    if (width->integer() < 0 || width->integer() > 1000) in.error("indent is too large");
    prefix.assign(static_cast<size_t>(width->integer()), ' ');
  }
  const bool first = bool_argument(args, 1, "first", false);
  const bool blank = bool_argument(args, 2, "blank", false);
  std::string out;
  size_t at = 0;
  for (bool is_first = true; at <= text.size(); is_first = false) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (is_first ? first : blank || end > at) out += prefix;
    out.append(text, at, end - at);
    if (end < text.size()) out += '\n';
    in.charge(end - at + prefix.size());
    at = end + 1;
  }
  return Value(std::move(out));
}

Value escape(Interpreter& in, const Value& v, const Args&) {
  std::string out;
  for (char c : in.text(v)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  in.charge(out.size());
  return Value(std::move(out));
}

Value wordcount(Interpreter& in, const Value& v, const Args&) {
  int64_t count = 0;
  bool inside = false;
  for (char c : in.text(v)) {
    const bool word = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
    count += word && !inside;
    inside = word;
  }
  return count;
}

template <std::string (*kChange)(std::string_view)>
Value change(Interpreter& in, const Value& v, const Args&) {
  return kChange(in.text(v));
}

Value string(Interpreter& in, const Value& v, const Args&) { return in.text(v); }

Value itself(Interpreter&, const Value& v, const Args&) { return v; }

Value replace_filter(Interpreter& in, const Value& v, const Args& args) {
  return replace(in, in.text(v), args);
}

Value attr(Interpreter& in, const Value& v, const Args& args) {
  return in.attribute(v, string_argument(in, args, 0, "name", ""));
}

constexpr std::array kFilters{
    Entry{"trim", trim},
    Entry{"tojson", tojson},
    Entry{"length", length},
    Entry{"count", length},
    Entry{"default", default_value},
    Entry{"d", default_value},
    Entry{"safe", itself},
    Entry{"string", string},
    Entry{"upper", change<upper>},
    Entry{"lower", change<lower_case>},
    Entry{"title", change<title>},
    Entry{"capitalize", change<capitalize>},
    Entry{"int", to_int},
    Entry{"float", to_float},
    Entry{"abs", absolute},
    Entry{"round", round_number},
    Entry{"replace", replace_filter},
    Entry{"indent", indent},
    Entry{"escape", escape},
    Entry{"e", escape},
    Entry{"wordcount", wordcount},
    Entry{"attr", attr},
    Entry{"items", items},
    Entry{"join", join},
    Entry{"first", first},
    Entry{"last", last},
    Entry{"list", list},
    Entry{"map", map},
    Entry{"select", select},
    Entry{"reject", reject},
    Entry{"selectattr", selectattr},
    Entry{"rejectattr", rejectattr},
    Entry{"reverse", reverse},
    Entry{"sort", sort},
    Entry{"unique", unique},
    Entry{"sum", sum},
    Entry{"min", minimum},
    Entry{"max", maximum},
    Entry{"dictsort", dictsort},
    Entry{"batch", batch},
};

}  // namespace

Function find_filter(std::string_view name) { return find_entry(kFilters, name); }

}  // namespace corvid::engine::jinja
