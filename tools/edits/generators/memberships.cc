// Comparisons with one value that should be with several, and the other way round.

#include <string>

#include "runtime/base/text.h"
#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kTextsMax = 8;
constexpr size_t kRelativesMax = 4;

// What else could be meant beside the constant or name [first, last).
std::vector<std::string> relatives(const Context& context, int first, int last) {
  const Source& source = context.source;
  const std::string text(text_of(source, first, last));
  std::vector<std::string> out;
  if (text.empty()) return out;
  if (source.token(first).kind == TokenKind::string && last == first + 1) {
    std::string upper = text;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    for (const std::string& other : {lower_case(text), upper}) {
      if (other != text) out.push_back(other);
    }
    for (const std::string_view other :
         choices(context.file.strings, text, context.facts, kTextsMax)) {
      if (other[0] == text[0]) out.emplace_back(other);
    }
  } else if (source.token(first).kind == TokenKind::number) {
    for (const std::string_view other :
         choices(context.file.numbers, text, context.facts, kRelativesMax)) {
      out.emplace_back(other);
    }
  } else if (source.is_plain_name(first)) {
    const auto found = context.file.by_head.find(source.str(first));
    if (last > first + 1 && found != context.file.by_head.end()) {
      for (const std::string_view other :
           choices(found->second, text, context.facts, kRelativesMax)) {
        if (other.find('(') == std::string_view::npos) out.emplace_back(other);
      }
    }
    for (const std::string_view other : {"None", "''"}) out.emplace_back(other);
  }
  return out;
}

void compare_more(const Context& context, int i) {
  const Source& source = context.source;
  const int first = i + 1;
  const bool is_constant = source.token(first).kind == TokenKind::string ||
                           source.token(first).kind == TokenKind::number;
  const int last = is_constant ? first + 1 : source.primary_end(first);
  if (last <= first) return;
  const std::string text(text_of(source, first, last));
  if (text.empty()) return;
  const std::string in = source.is(i, "==") ? "in " : "not in ";
  for (const std::string& other : relatives(context, first, last)) {
    context.out.replace(i, last, in + "(" + text + ", " + other + ")", Kind::more_values);
  }
}

// x in (a,) becomes x == a.
void compare_one(const Context& context, int i) {
  const Source& source = context.source;
  const int open = i + 1;
  const bool is_display = source.is(open, "(") || source.is(open, "[") || source.is(open, "{");
  if (!is_display || source.match(open) < 0) return;
  const auto items = arguments_of(source, open);
  if (items.size() != 1) return;
  const std::string text(text_of(source, items[0].first, items[0].second));
  const bool is_negated = source.is(i - 1, "not");
  context.out.replace(is_negated ? i - 1 : i, source.match(open) + 1,
                      (is_negated ? "!= " : "== ") + text, Kind::more_values);
}

}  // namespace

void generate_memberships(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.is(i, "==") || source.is(i, "!=")) compare_more(context, i);
    if (source.is(i, "in")) compare_one(context, i);
  });
}

}  // namespace corvid::tools::edits
