#include <algorithm>

#include "engine/chat.h"
#include "engine/text/call_form.h"
#include "engine/text/xml_call.h"
#include "runtime/base/json.h"

namespace corvid::engine {

namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr size_t kCallMax = size_t{16} << 20;
constexpr auto kNone = std::string_view::npos;

// Length of the longest end of `text` that could still become `tag`.
size_t partial_tag(std::string_view text, std::string_view tag) {
  for (size_t size = std::min(text.size(), tag.size() - 1); size > 0; --size) {
    if (text.substr(text.size() - size) == tag.substr(0, size)) return size;
  }
  return 0;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == kNone) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

// Finds the end of a JSON object that comes in pieces.
class JsonScan {
 public:
  void read(std::string_view text) {
    for (; end_ == 0 && !bad_ && at_ < text.size(); ++at_) step(text[at_]);
  }
  bool bad() const { return bad_; }
  size_t end() const { return end_; }  // behind the object; 0: not yet

 private:
  void step(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '{' || c == '[') {
      bad_ = ++depth_ > kJsonDepthMax;
    } else if (c == '}' || c == ']') {
      if (--depth_ == 0) end_ = at_ + 1;
      bad_ = depth_ < 0;
    } else if (c == '"' && depth_ > 0) {
      in_string_ = true;
    } else if (depth_ == 0 && kSpace.find(c) == kNone) {
      bad_ = true;
    }
  }

  size_t at_ = 0, end_ = 0;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false, bad_ = false;
};

}  // namespace

struct CallParser::Impl {
  enum class Tag { call, bare_function, think, think_end, drop };
  struct Known {
    std::string_view text;
    Tag tag;
  };

  CallSyntax syntax;
  CallParserOptions options;
  std::vector<Known> known;
  std::string_view close;  // closing tag; empty: the call ends with its JSON
  std::string pending;     // text that may begin a call, or what follows an opening tag
  std::vector<ParsedCall> calls;
  std::string reasoning;
  bool broken = false;
  bool inside = false, skip_space = false, in_reasoning = false;
  bool at_start = true;       // nothing but white space came yet
  bool bare = false;          // the call was opened by nothing but its own text
  size_t header = kNone;      // kimi: where the JSON begins
  JsonScan json;

  Impl(CallSyntax given, CallParserOptions chosen) : syntax(given), options(std::move(chosen)) {
    switch (syntax) {
      case CallSyntax::hermes_json:
      case CallSyntax::xml: known = {{"<tool_call>", Tag::call}}; break;
      case CallSyntax::llama3_json: known = {{"<|python_tag|>", Tag::call}}; break;
      case CallSyntax::kimi:
        known = {{"<|tool_call_begin|>", Tag::call},
                 {"<|tool_calls_section_begin|>", Tag::drop},
                 {"<|tool_calls_section_end|>", Tag::drop}};
    }
    if (syntax == CallSyntax::xml) known.push_back({"<function=", Tag::bare_function});
    if (syntax != CallSyntax::llama3_json) {
      close = syntax == CallSyntax::kimi ? "<|tool_call_end|>" : "</tool_call>";
    }
    in_reasoning = options.split_reasoning && options.starts_in_reasoning;
    if (!options.split_reasoning) return;
    known.push_back({kThinkTag, Tag::think});
    known.push_back({kThinkEndTag, Tag::think_end});
  }

  // To the reader, or to the reasoning.
  void give(std::string_view text, std::string& shown) {
    if (in_reasoning) {
      reasoning += text;
      return;
    }
    if (skip_space) {
      const size_t begin = text.find_first_not_of(kSpace);
      if (begin == kNone) return;
      text.remove_prefix(begin);
      skip_space = false;
    }
    shown += text;
  }

  std::string push(std::string_view text) {
    pending += text;
    std::string shown;
    while (inside ? scan(shown) : outside(shown)) {
    }
    return shown;
  }

  // True when there may be more to do.
  bool outside(std::string& shown) {
    if (syntax == CallSyntax::llama3_json && at_start && !in_reasoning) {
      const size_t begin = pending.find_first_not_of(kSpace);
      if (begin == kNone) return false;
      at_start = false;
      if (pending[begin] == '{') {
        open(true);
        return true;
      }
    }
    size_t first = pending.size(), keep = 0;
    const Known* found = nullptr;
    for (const Known& tag : known) {
      const size_t at = pending.find(tag.text);
      if (at < first) {
        first = at;
        found = &tag;
      }
      keep = std::max(keep, partial_tag(pending, tag.text));
    }
    const size_t end = found ? first : pending.size() - keep;
    give(std::string_view(pending).substr(0, end), shown);
    pending.erase(0, end);
    if (!found) return false;
    take_tag(*found);
    return true;
  }

  void take_tag(const Known& tag) {
    if (tag.tag != Tag::bare_function) pending.erase(0, tag.text.size());
    switch (tag.tag) {
      case Tag::call:
      case Tag::bare_function: return open(false);
      case Tag::think: in_reasoning = true; return;
      case Tag::think_end: in_reasoning = false; break;
      case Tag::drop: in_reasoning = false;
    }
    skip_space = true;
  }

  void open(bool without_tag) {
    inside = true;
    in_reasoning = at_start = false;
    bare = without_tag;
    header = syntax == CallSyntax::kimi ? kNone : 0;
    json = JsonScan();
  }

  void shut(size_t used) {
    pending.erase(0, used);
    inside = false;
    skip_space = true;
  }

  // Reads on inside a call. True when the call has ended.
  bool scan(std::string& shown) {
    if (syntax == CallSyntax::xml) return scan_xml();
    if (header == kNone) {
      const size_t at = pending.find(kArgumentsTag);
      if (at != kNone) header = at + kArgumentsTag.size();
    }
    if (header != kNone) json.read(std::string_view(pending).substr(header));
    const bool bad = json.bad() || pending.size() > kCallMax;
    if (close.empty()) return scan_bare(bad, shown);
    // What is no JSON object ends at the next closing tag, wherever that stands.
    if (!bad && header != kNone && json.end() == 0) return false;
    const size_t from = bad || header == kNone ? 0 : header + json.end();
    const size_t end = pending.find(close, from);
    if (end == kNone) return drop_long();
    const auto between = std::string_view(pending).substr(from, end - from);
    const bool whole = !bad && header != kNone && trimmed(between).empty();
    if (whole) {
      take_call(std::string_view(pending).substr(0, from));
    } else {
      broken = true;
    }
    shut(end + close.size());
    return true;
  }

  bool drop_long() {
    if (pending.size() <= kCallMax) return false;
    pending.erase(0, pending.size() - close.size());
    broken = true;
    return false;
  }

  // Llama 3 writes the object alone; what is none, is text.
  bool scan_bare(bool bad, std::string& shown) {
    if (!bad && json.end() == 0) return false;
    const bool whole = !bad && take_call(std::string_view(pending).substr(0, json.end()), bare);
    if (whole) {
      shut(json.end());
      return true;
    }
    inside = false;
    if (!bare) broken = true;
    give(pending, shown);
    pending.clear();
    return false;
  }

  bool scan_xml() {
    const size_t end = find_xml_call_end(pending, false);
    if (end == kNone) {
      // Not even a function's tag: it ends at the next closing tag.
      const auto begin = trimmed(pending);
      const std::string_view function = "<function=";
      const bool hopeless = !begin.starts_with(function) && !function.starts_with(begin);
      const size_t closing = hopeless ? pending.find(close) : kNone;
      if (closing == kNone) return drop_long();
      broken = true;
      shut(closing + close.size());
      return true;
    }
    take_xml(std::string_view(pending).substr(0, end));
    shut(end);
    return true;
  }

  void take_xml(std::string_view text) {
    if (auto call = parse_xml_call(text, options.schemas)) {
      calls.push_back(std::move(*call));
    } else {
      broken = true;
    }
  }

  // False (and broken, unless `lenient`): no call.
  bool take_call(std::string_view text, bool lenient = false) {
    auto call = syntax == CallSyntax::kimi ? kimi_call(text) : json_call(text);
    if (!call) {
      broken = broken || !lenient;
      return false;
    }
    calls.push_back(std::move(*call));
    return true;
  }

  static std::optional<ParsedCall> made(std::string name, OrderedJson arguments) {
    // Some models write the arguments as JSON text within the JSON.
    if (arguments.is_string()) {
      arguments = parse_ordered(arguments.get_ref<const std::string&>());
    }
    if (!arguments.is_object() || name.empty()) return std::nullopt;
    return ParsedCall{std::move(name), arguments.dump()};
  }

  static std::optional<ParsedCall> json_call(std::string_view text) {
    const OrderedJson call = parse_ordered(text);
    const auto name = call.is_object() ? call.find("name") : call.end();
    if (name == call.end() || !name->is_string()) return std::nullopt;
    OrderedJson arguments = OrderedJson::object();
    for (const char* key : {"arguments", "parameters"}) {
      const auto given = call.find(key);
      if (given == call.end()) continue;
      arguments = *given;
      break;
    }
    return made(name->get<std::string>(), std::move(arguments));
  }

  // functions.NAME:INDEX, the tag, and the JSON.
  static std::optional<ParsedCall> kimi_call(std::string_view text) {
    const size_t tag = text.find(kArgumentsTag);
    if (tag == kNone) return std::nullopt;
    std::string_view name = trimmed(text.substr(0, tag));
    if (name.starts_with("functions.")) name.remove_prefix(10);
    const size_t colon = name.rfind(':');
    if (colon != kNone && name.find_first_not_of("0123456789", colon + 1) == kNone) {
      name = name.substr(0, colon);
    }
    text.remove_prefix(tag + kArgumentsTag.size());
    return made(std::string(name), parse_ordered(text));
  }

  std::string finish() {
    std::string rest;
    if (!inside) {
      give(pending, rest);
      pending.clear();
      return rest;
    }
    if (syntax == CallSyntax::xml) {
      const size_t end = find_xml_call_end(pending, true);
      end == kNone ? void(broken = true) : take_xml(std::string_view(pending).substr(0, end));
    } else if (header != kNone && json.end() > 0 && !json.bad()) {
      const size_t end = header + json.end();
      const auto tail = trimmed(std::string_view(pending).substr(end));
      if (close.starts_with(tail)) {
        take_call(std::string_view(pending).substr(0, end));
      } else {
        broken = true;
      }
    } else if (bare) {
      give(pending, rest);
    } else {
      broken = true;
    }
    shut(pending.size());
    return rest;
  }
};

CallParser::CallParser(CallSyntax syntax, CallParserOptions options)
    : impl_(std::make_unique<Impl>(syntax, std::move(options))) {}
CallParser::~CallParser() = default;
CallParser::CallParser(CallParser&&) noexcept = default;
CallParser& CallParser::operator=(CallParser&&) noexcept = default;

std::string CallParser::push(std::string_view text) { return impl_->push(text); }
std::string CallParser::finish() { return impl_->finish(); }
const std::vector<ParsedCall>& CallParser::calls() const { return impl_->calls; }
std::string CallParser::reasoning() const { return std::string(trimmed(impl_->reasoning)); }
bool CallParser::broken() const { return impl_->broken; }

}  // namespace corvid::engine
