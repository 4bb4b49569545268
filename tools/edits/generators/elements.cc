// Tuples, lists, sets and dictionaries on one line: one element more or less.

#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kTextsMax = 8;
constexpr size_t kNamesMax = 5;

bool is_display(const Source& source, int open) {
  if (source.match(open) < 0 || is_call(source, open)) return false;
  if (source.is(open, "{")) return true;
  if (source.is(open, "[")) return source.primary_begin(open - 1) < 0;
  return source.is(open, "(") && !source.is(open - 2, "def");
}

// Elements that could stand beside those of the bracket, in their form.
std::vector<std::string> more_elements(const Context& context, int open,
                                       const std::vector<std::pair<int, int>>& items) {
  const Source& source = context.source;
  std::vector<std::string> out;
  const auto [first, last] = items.back();
  const bool is_entry = source.is(open, "{") && source.is(first + 1, ":");
  const std::string_view inside = text_of(source, open, source.match(open));
  const auto offer = [&](const std::string& text) {
    if (inside.find(text) == std::string_view::npos) out.push_back(text);
  };
  const bool is_text = source.token(first).kind == TokenKind::string;
  if (is_entry && is_text) {
    const std::string quote(1, source.str(first).back());
    for (const std::string_view name :
         choices(context.facts.locals, "", context.facts, kNamesMax)) {
      offer(quote + std::string(name) + quote + ": " + std::string(name));
    }
    if (source.is(first + 2, "self")) {
      for (const std::string_view name : choices(context.file.members, "", context.facts, 12)) {
        if (context.file.signatures.contains(name)) continue;
        offer(quote + std::string(name) + quote + ": self." + std::string(name));
      }
    }
    return out;
  }
  if (is_entry) return out;
  if (is_text && last == first + 1) {
    for (const std::string_view other :
         choices(context.file.strings, source.str(first), context.facts, kTextsMax)) {
      if (other[0] == source.str(first)[0]) offer(std::string(other));
    }
    return out;
  }
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, kNamesMax)) {
    offer(std::string(name));
  }
  if (source.is(first, "self")) {
    for (const std::string_view name : choices(context.file.members, "", context.facts, 8)) {
      if (!context.file.signatures.contains(name)) offer("self." + std::string(name));
    }
  }
  for (const std::string_view text : {"None", "_", "0"}) offer(std::string(text));
  return out;
}

void change_elements(const Context& context, int open) {
  const Source& source = context.source;
  const int close = source.match(open);
  if (text_of(source, open, close + 1).empty()) return;
  const auto items = arguments_of(source, open);
  const bool is_group = source.is(open, "(") && items.size() < 2;
  if (items.empty() || is_group || items.size() > 24) return;
  for (int i = open + 1; i < close; ++i) {
    if (source.opener(i) == open && source.is(i, "for")) return;
  }
  for (size_t k = 0; k < items.size() && items.size() > 1; ++k) {
    if (k + 1 < items.size()) {
      context.out.replace(items[k].first, items[k + 1].first, "", Kind::drop_element);
    } else if (items.size() > 2 || !source.is(open, "(")) {
      context.out.replace(items[k - 1].second, items[k].second, "", Kind::drop_element);
    }
  }
  for (const std::string& text : more_elements(context, open, items)) {
    context.out.replace(items[0].first, items[0].first, text + ", ", Kind::add_element);
    for (const auto& [first, last] : items) {
      const std::string_view tail = text_of(source, last - 1, last);
      if (source.match(last - 1) >= 0) {
        const std::string_view whole = text_of(source, first, last);
        context.out.replace(first, last, std::string(whole) + ", " + text, Kind::add_element);
      } else {
        context.out.replace(last - 1, last, std::string(tail) + ", " + text, Kind::add_element);
      }
    }
  }
}

}  // namespace

void generate_elements(const Context& context) {
  each_token(context, [&](int i) {
    const Source& source = context.source;
    const bool opens = source.is(i, "(") || source.is(i, "[") || source.is(i, "{");
    if (opens && is_display(source, i)) change_elements(context, i);
  });
}

}  // namespace corvid::tools::edits
