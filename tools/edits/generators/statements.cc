#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr std::array<std::string_view, 10> kExceptions = {
    "ValueError",   "TypeError", "KeyError", "IndexError",          "AttributeError",
    "RuntimeError", "Exception", "OSError",  "NotImplementedError", "StopIteration"};

void change_exception(const Context& context, int i) {
  const int last = context.source.primary_end(i);
  const bool is_dotted = last > i + 1 && !context.source.is(last - 1, ")");
  const auto offer = [&](std::string_view other) {
    context.out.replace(i, i + 1, other, Kind::exception);
    if (is_dotted) context.out.replace(i, last, other, Kind::exception);
  };
  for (const std::string_view other : context.file.exceptions.items) offer(other);
  for (const std::string_view other : kExceptions) offer(other);
}

// f(x) becomes x = f(x), likewise for the locals that stand most often.
void keep_result(const Context& context, const Statement& s) {
  const Source& source = context.source;
  const int open = source.is(s.last_token - 1, ")") ? source.match(s.last_token - 1) : -1;
  if (open <= s.first_token || source.primary_end(s.first_token) != s.last_token) return;
  const auto offer = [&](std::string_view name) {
    const std::string assignment = std::string(name) + " = ";
    context.out.replace(s.first_token, s.first_token, assignment, Kind::keep_result);
  };
  if (is_call(source, open) && source.is_plain_name(open + 1)) offer(source.str(open + 1));
  if (source.is_plain_name(s.first_token) && source.str(s.first_token) != "self") {
    offer(source.str(s.first_token));
  }
  for (const std::string_view name : choices(context.facts.stored, "", context.facts, 2)) {
    offer(name);
  }
}

// raise "text" becomes raise A("text")
void wrap_raised_text(const Context& context, int first) {
  const Source& source = context.source;
  int last = first;
  while (last < source.count() && source.token(last).kind == TokenKind::string) ++last;
  const std::string text = "(" + std::string(text_of(source, first, last)) + ")";
  for (const std::string_view name : context.file.exceptions.items) {
    context.out.replace(first, last, std::string(name) + text, Kind::wrap_call);
  }
  for (const std::string_view name : kExceptions) {
    context.out.replace(first, last, std::string(name) + text, Kind::wrap_call);
  }
}

// except A: becomes except (A, B):
void add_exceptions(const Context& context, int first) {
  const Source& source = context.source;
  const int last = source.primary_end(first);
  const std::string name(text_of(source, first, last));
  if (name.empty() || (!source.is(last, ":") && !source.is(last, "as"))) return;
  const auto offer = [&](std::string_view other) {
    if (other == name) return;
    context.out.replace(first, last, "(" + name + ", " + std::string(other) + ")", Kind::add_type);
  };
  for (const std::string_view other : choices(context.file.exceptions, name, context.facts, 8)) {
    offer(other);
  }
  for (const std::string_view other : kExceptions) offer(other);
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
    if (head == "raise" && s.last_token == i + 2 && source.is_plain_name(i + 1)) {
      out.replace(i + 1, i + 2, "", Kind::exception);
    }
    if (head == "except" && source.is(i + 1, ":")) {
      for (const std::string_view other : kExceptions) {
        out.replace(i + 1, i + 1, " " + std::string(other), Kind::exception);
      }
    }
    if (source.is_plain_name(i)) keep_result(context, s);
    if (head == "raise" && i + 1 < s.last_token && source.token(i + 1).kind == TokenKind::string) {
      wrap_raised_text(context, i + 1);
    }
    if (head == "except" && source.is_plain_name(i + 1)) add_exceptions(context, i + 1);
    if (head == "except" && source.is(i + 1, "(")) {
      const auto arguments = arguments_of(source, i + 1);
      for (size_t k = 0; k < arguments.size(); ++k) {
        const auto [first, last] = arguments[k];
        if (source.is_plain_name(first)) change_exception(context, first);
        if (arguments.size() < 3) continue;
        if (k + 1 < arguments.size()) {
          out.replace(first, arguments[k + 1].first, "", Kind::exception);
        } else {
          out.replace(arguments[k - 1].second, last, "", Kind::exception);
        }
      }
    }
  });
}

}  // namespace corvid::tools::edits
