#include "engine/text/xml_call.h"

#include <algorithm>

#include "runtime/base/json.h"

namespace corvid::engine {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kFunction = "<function=", kFunctionEnd = "</function>";
constexpr std::string_view kParameter = "<parameter=", kValueEnd = "</parameter>";
constexpr std::string_view kCallEnd = "</tool_call>";
constexpr auto kNone = std::string_view::npos;

size_t skip_space(std::string_view text, size_t at) {
  return std::min(text.find_first_not_of(kSpace, at), text.size());
}

bool stands(std::string_view text, size_t at, std::string_view tag) {
  return text.substr(std::min(at, text.size())).starts_with(tag);
}

// What the tag at `at` names; empty: no such tag, or a name that is none.
std::string_view named(std::string_view text, size_t at, std::string_view tag) {
  if (!stands(text, at, tag)) return {};
  const size_t begin = at + tag.size();
  const size_t end = text.find('>', begin);
  if (end == kNone || text.substr(begin, end - begin).find_first_of("<\n") != kNone) return {};
  return text.substr(begin, end - begin);
}

// Whether the schema, or one of its alternatives, names the type; any type where `type` is empty.
bool names_type(const OrderedJson& schema, std::string_view type, int depth = 0) {
  if (!schema.is_object() || depth > 8) return false;
  if (const auto found = schema.find("type"); found != schema.end()) {
    if (type.empty()) return true;
    if (found->is_string()) return found->get_ref<const std::string&>() == type;
    return found->is_array() && std::find(found->begin(), found->end(), type) != found->end();
  }
  for (const char* keyword : {"anyOf", "oneOf", "allOf"}) {
    if (!schema.contains(keyword) || !schema[keyword].is_array()) continue;
    for (const OrderedJson& part : schema[keyword]) {
      if (names_type(part, type, depth + 1)) return true;
    }
  }
  return false;
}

// Numbers, lists and the like; Python's words for the constants are read as well.
OrderedJson typed(const std::string& value, const OrderedJson& schema) {
  const auto allows = [&](std::string_view type) { return names_type(schema, type); };
  const auto is_written = [&](const OrderedJson& given) {
    if (given.is_string()) return given == value;
    if (given.is_boolean() && value == (given ? "True" : "False")) return true;
    return (given.is_null() && value == "None") || given.dump() == value;
  };
  if (schema.is_object() && schema.contains("const") && is_written(schema["const"])) {
    return schema["const"];
  }
  if (schema.is_object() && schema.contains("enum")) {
    for (const OrderedJson& given : schema["enum"]) {
      if (is_written(given)) return given;
    }
  }
  if (!names_type(schema, "") || allows("string")) return value;
  if (value == "True" && allows("boolean")) return true;
  if (value == "False" && allows("boolean")) return false;
  if (value == "None" && allows("null")) return nullptr;
  OrderedJson parsed = parse_ordered(value);
  return parsed.is_discarded() ? OrderedJson(value) : parsed;
}

class XmlCall {
 public:
  XmlCall(std::string_view text, const std::map<std::string, std::string>& schemas)
      : text_(text), schemas_(schemas) {}

  std::optional<ParsedCall> parse() {
    size_t at = skip_space(text_, 0);
    const std::string name(named(text_, at, kFunction));
    if (name.empty()) return std::nullopt;
    if (const auto found = schemas_.find(name); found != schemas_.end()) {
      const OrderedJson schema = parse_ordered(found->second);
      if (schema.is_object()) properties_ = schema.value("properties", OrderedJson::object());
    }
    at = skip_space(text_, text_.find('>', at) + 1);
    while (!stands(text_, at, kFunctionEnd)) {
      const std::string argument(named(text_, at, kParameter));
      if (argument.empty()) return std::nullopt;
      const size_t begin = text_.find('>', at) + 1;
      const size_t end = value_end(begin);
      if (end == kNone) return std::nullopt;
      put(argument, text_.substr(begin, end - begin));
      at = skip_space(text_, end + kValueEnd.size());
      if (at == text_.size() || stands(text_, at, kCallEnd)) break;
    }
    return ParsedCall{name, arguments_.dump(-1, ' ', false, OrderedJson::error_handler_t::replace)};
  }

 private:
  // A closing tag counts where something that can follow it does: a parameter that the tool has and
  // that was not given yet, or the call's end.
  size_t value_end(size_t begin) const {
    for (size_t end = begin; (end = text_.find(kValueEnd, end)) != kNone; ++end) {
      const size_t next = skip_space(text_, end + kValueEnd.size());
      const bool ends = next == text_.size() || stands(text_, next, kFunctionEnd) ||
                        stands(text_, next, kCallEnd);
      if (ends) return end;
      const std::string argument(named(text_, next, kParameter));
      const bool known = properties_.empty() || properties_.contains(argument);
      if (!argument.empty() && known && !arguments_.contains(argument)) return end;
    }
    return kNone;
  }

  void put(const std::string& argument, std::string_view value) {
    if (value.starts_with('\n')) value.remove_prefix(1);
    if (value.ends_with('\n')) value.remove_suffix(1);
    const auto property = properties_.find(argument);
    const bool known = property != properties_.end();
    arguments_[argument] = typed(std::string(value), known ? *property : OrderedJson());
  }

  std::string_view text_;
  const std::map<std::string, std::string>& schemas_;
  OrderedJson properties_ = OrderedJson::object(), arguments_ = OrderedJson::object();
};

}  // namespace

size_t find_xml_call_end(std::string_view text, bool is_last) {
  // </function> ends a call where no value is open: behind a value's end or the function's tag.
  const size_t head = text.find('>');
  if (head == kNone || named(text, skip_space(text, 0), kFunction).empty()) return kNone;
  for (size_t at = head; (at = text.find(kFunctionEnd, at)) != kNone; ++at) {
    const size_t before = text.find_last_not_of(kSpace, at - 1);
    const bool closed = before == head || text.substr(0, before + 1).ends_with(kValueEnd);
    if (!closed) continue;
    const size_t next = skip_space(text, at + kFunctionEnd.size());
    const std::string_view rest = text.substr(next);
    if (rest.starts_with(kCallEnd)) return next + kCallEnd.size();
    const bool partial = rest.empty() || kCallEnd.starts_with(rest);
    if (partial && is_last) return text.size();
    // The outer tags may be missing: another call, or text, follows.
    if (!partial) return at + kFunctionEnd.size();
  }
  if (!is_last) return kNone;
  const size_t last = text.find_last_not_of(kSpace);
  return text.substr(0, last + 1).ends_with(kValueEnd) ? text.size() : kNone;
}

std::optional<ParsedCall> parse_xml_call(std::string_view text,
                                         const std::map<std::string, std::string>& schemas) {
  return XmlCall(text, schemas).parse();
}

}  // namespace corvid::engine
