#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

void change_offset(const Context& context, int first, int last, Kind kind) {
  const Source& source = context.source;
  const std::string text(text_of(source, first, last));
  if (text.empty()) return;
  const bool is_number = source.token(last - 1).kind == TokenKind::number && last - first <= 2 &&
                         (last - first == 1 || source.is(first, "-"));
  if (is_number && text.size() < 6) {
    const int value = std::atoi(text.c_str());
    for (const int other : {value + 1, value - 1, -1 - value, -value}) {
      context.out.replace(first, last, std::to_string(other), kind);
    }
    return;
  }
  const bool has_step = last - first > 2 && source.is(last - 1, "1") &&
                        (source.is(last - 2, "+") || source.is(last - 2, "-"));
  if (has_step) {
    context.out.replace(first, last, text_of(source, first, last - 2), kind);
    const std::string base(text_of(source, first, last - 2));
    context.out.replace(first, last, base + (source.is(last - 2, "+") ? " - 1" : " + 1"), kind);
    return;
  }
  if (source.token(first).kind == TokenKind::string) return;
  context.out.replace(first, last, text + " + 1", kind);
  context.out.replace(first, last, text + " - 1", kind);
  if (source.is_plain_name(first)) context.out.replace(first, first, "-", kind);
}

namespace {

void change_slice(const Context& context, int open, int colon) {
  const Source& source = context.source;
  const int close = source.match(open);
  const int first = open + 1;
  if (colon > first) {
    change_offset(context, first, colon, Kind::slice);
    context.out.replace(first, colon, "", Kind::slice);
  } else {
    for (const std::string_view text : {"1", "2", "-1", "i", "i + 1", "start", "pos", "n"}) {
      const bool is_name = text[0] >= 'a' && text[0] <= 'z';
      if (!is_name || context.facts.locals.has(text.substr(0, text.find(' ')))) {
        context.out.replace(colon, colon, text, Kind::slice);
      }
    }
    for (const std::string_view name : choices(context.facts.locals, "", context.facts, 8)) {
      context.out.replace(colon, colon, name, Kind::slice);
      context.out.replace(colon, colon, std::string(name) + " + 1", Kind::slice);
    }
  }
  int last = close;
  for (int k = colon + 1; k < close; ++k) {
    if (source.is(k, ":") && source.opener(k) == open) last = k;
  }
  if (last > colon + 1) {
    change_offset(context, colon + 1, last, Kind::slice);
    context.out.replace(colon + 1, last, "", Kind::slice);
  } else {
    for (const std::string_view text : {"-1", "1", "2", "-2", "3"}) {
      context.out.replace(last, last, text, Kind::slice);
    }
    for (const std::string_view name : choices(context.facts.locals, "", context.facts, 8)) {
      context.out.replace(last, last, name, Kind::slice);
    }
  }
}

}  // namespace

void generate_subscripts(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int open) {
    if (!source.is(open, "[") || source.match(open) < 0 || source.primary_begin(open - 1) < 0)
      return;
    const int close = source.match(open);
    if (close >= context.unit.last_token || close == open + 1) return;
    int colon = -1;
    bool has_comma = false;
    for (int k = close - 1; k > open; --k) {
      if (source.opener(k) != open) continue;
      if (source.is(k, ":")) colon = k;
      has_comma = has_comma || source.is(k, ",");
    }
    if (has_comma) return;
    if (colon >= 0) return change_slice(context, open, colon);
    change_offset(context, open + 1, close, Kind::index);
    context.out.replace(open, close + 1, "", Kind::index);
  });
  // An index that is missing: name -> name[0].
  each_token(context, [&](int i) {
    if (!source.is_plain_name(i) || !context.facts.locals.has(source.str(i))) return;
    const bool is_whole = !source.is(i - 1, ".") && source.primary_end(i) == i + 1;
    const std::string_view before = source.str(i - 1);
    if (!is_whole || (before != "return" && before != "=" && before != "in")) return;
    for (const std::string_view text : {"[0]", "[1]", "[-1]"}) {
      context.out.replace(i, i + 1, std::string(source.str(i)) + std::string(text), Kind::index);
    }
  });
}

}  // namespace corvid::tools::edits
