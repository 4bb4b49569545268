#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

// Off by one in range() and after len().
void change_bounds(const Context& context, int open) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const int close = source.match(open);
  const auto arguments = arguments_of(source, open);
  if (source.is(open - 1, "len")) {
    out.replace(open - 1, close + 1, std::string(text_of(source, open - 1, close + 1)) + " - 1",
                Kind::off_by_one);
    out.replace(open - 1, close + 1, std::string(text_of(source, open - 1, close + 1)) + " + 1",
                Kind::off_by_one);
  }
  if (!source.is(open - 1, "range") || arguments.empty() || arguments.size() > 3) return;
  const auto [first, last] = arguments[arguments.size() == 1 ? 0 : 1];
  const std::string stop(text_of(source, first, last));
  if (stop.empty()) return;
  out.replace(first, last, stop + " + 1", Kind::off_by_one);
  out.replace(first, last, stop + " - 1", Kind::off_by_one);
  if (arguments.size() == 1) {
    out.replace(first, last, "1, " + stop, Kind::off_by_one);
    out.replace(first, last, "len(" + stop + ")", Kind::wrap_call);
  } else if (arguments.size() == 2) {
    const std::string_view start = text_of(source, arguments[0].first, arguments[0].second);
    if (start == "1" || start == "0") {
      out.replace(arguments[0].first, last, stop, Kind::off_by_one);
      out.replace(arguments[0].first, arguments[0].second, start == "1" ? "0" : "1",
                  Kind::off_by_one);
    }
  }
}

}  // namespace

void unwrap_call(const Context& context, int open) {
  const Source& source = context.source;
  const int close = source.match(open);
  const int first = source.primary_begin(close);
  if (first < 0) return;
  const auto arguments = arguments_of(source, open);
  if (arguments.size() == 1 && first == open - 1) {
    context.out.replace(first, close + 1, text_of(source, open + 1, close), Kind::unwrap_call);
  }
  if (arguments.empty() && source.is_member(open - 2)) {
    context.out.replace(open - 2, close + 1, "", Kind::unwrap_call);
    context.out.replace(open, close + 1, "", Kind::unwrap_call);
  }
}

void drop_step(const Context& context, int i) {
  const Source& source = context.source;
  if (!source.is(i, "1") || !(source.is(i - 1, "+") || source.is(i - 1, "-"))) return;
  if (source.primary_begin(i - 2) < 0) return;
  if (source.precedence(source.str(i + 1)) > 10) return;
  const int first = source.primary_begin(i - 2), open = first - 1;
  const bool is_grouped = open > 0 && source.is(open, "(") && source.is(i + 1, ")") &&
                          source.precedence(source.str(open - 1)) > 0;
  if (is_grouped) {  // what remains needs no parentheses
    context.out.replace(open, i + 2, text_of(source, first, i - 1), Kind::off_by_one);
  } else {
    context.out.replace(i - 1, i + 1, "", Kind::off_by_one);
  }
}

void generate_calls(const Context& context) {
  each_token(context, [&](int i) {
    if (is_call(context.source, i)) {
      unwrap_call(context, i);
      change_bounds(context, i);
    }
    drop_step(context, i);
  });
}

}  // namespace corvid::tools::edits
