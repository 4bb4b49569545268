#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<std::string_view, 10> kExceptions = {
    "ValueError",   "TypeError", "KeyError", "IndexError",          "AttributeError",
    "RuntimeError", "Exception", "OSError",  "NotImplementedError", "StopIteration"};

void change_exception(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view name = source.str(i);
  for (const std::string_view other : context.file.exceptions.items) {
    context.out.replace(i, i + 1, other, Kind::exception);
  }
  for (const std::string_view other : kExceptions) {
    context.out.replace(i, i + 1, other, Kind::exception);
  }
  if (!source.is(i - 1, "except")) return;
  if (source.is(i + 1, ":") || source.is(i + 1, "as")) {
    for (const std::string_view other :
         {"KeyError", "ValueError", "TypeError", "AttributeError", "IndexError"}) {
      context.out.replace(i, i + 1, "(" + std::string(name) + ", " + std::string(other) + ")",
                          Kind::exception);
    }
  }
}

}  // namespace

void generate_statements(const Context& context) {
  const Source& source = context.source;
  Candidates& out = context.out;
  each_statement(context, [&](int, const Statement& s) {
    const int i = s.first_token;
    const std::string_view head = source.str(i);
    if (head == "break" || head == "continue" || head == "pass") {
      for (const std::string_view other : {"break", "continue", "return"}) {
        if (head != "pass" || other == "return") out.replace(i, i + 1, other, Kind::loop_exit);
      }
    }
    if (head == "return" && s.last_token == i + 1) {
      out.replace(i, i + 1, "continue", Kind::loop_exit);
      out.replace(i, i + 1, "break", Kind::loop_exit);
    }
    if ((head == "raise" || head == "except") && source.is_plain_name(i + 1)) {
      change_exception(context, i + 1);
    }
    if (head == "except" && source.is(i + 1, "(")) {
      for (const auto& [first, last] : arguments_of(source, i + 1)) {
        if (last == first + 1 && source.is_plain_name(first)) change_exception(context, first);
      }
    }
  });
}

}  // namespace corvid::tools::edits
