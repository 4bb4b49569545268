#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

bool is_sign(std::string_view text) { return text == "*" || text == "&"; }

bool begins_value(const Source& source, int i) {
  const std::string_view before = source.str(i - 1);
  return before == "=" || before == "(" || before == "," || before == "return" || before == "[" ||
         before == "?" || before == ":" || before == "!" ||
         source.token(i - 1).kind >= TokenKind::newline || source.precedence(before) >= 2;
}

// *x and &x become x; x becomes *x and &x.
void change_signs(const Context& context, int i) {
  const Source& source = context.source;
  Candidates& out = context.out;
  const bool is_unary = is_sign(source.str(i)) && source.primary_begin(i - 1) < 0 &&
                        source.role(i) != Role::type && source.role(i + 1) == Role::value;
  if (is_unary) {
    out.replace(i, i + 1, "", Kind::address);
    out.replace(i, i + 1, source.is(i, "*") ? "&" : "*", Kind::address);
    return;
  }
  if (!source.is_plain_name(i) || source.role(i) != Role::value || i == 0) return;
  const bool is_local = context.facts.locals.has(source.str(i)) || source.is_member(i + 1);
  if (!is_local || source.is_member(i - 1) || !begins_value(source, i)) return;
  const bool is_operand = source.precedence(source.str(i - 1)) >= 2;
  out.replace(i, i, "*", Kind::address);
  if (!is_operand) out.replace(i, i, "&", Kind::address);
  const int end = source.primary_end(i);
  const std::string text(text_of(source, i, end));
  // (*p)++ for *p++.
  if (source.is(i - 1, "*") && !text.empty() && (source.is(end, "++") || source.is(end, "--"))) {
    out.replace(i - 1, end, "(*" + text + ")", Kind::address);
  }
}

// (type) x becomes x, and some values get the casts that are commonly missing.
void change_casts(const Context& context, int i) {
  const Source& source = context.source;
  const bool is_type =
      source.token(i + 1).kind == TokenKind::name &&
      (source.role(i + 1) == Role::type || (source.language().is_keyword(source.str(i + 1)) &&
                                            !source.language().is_value(source.str(i + 1))));
  const int close = source.is(i, "(") ? source.match(i) : -1;
  const bool is_cast = close > i && is_type && source.primary_begin(i - 1) < 0 &&
                       !source.is(i - 1, "sizeof") &&
                       !source.language().is_keyword(source.str(i - 1));
  if (is_cast && source.primary_end(close + 1) > close) {
    context.out.replace(i, close + 1, "", Kind::cast);
  }
  const bool is_value =
      source.is_plain_name(i) && source.role(i) == Role::value && !source.is_member(i - 1);
  if (!is_value || i + 1 >= context.unit.last_token) return;
  const std::string_view before = source.str(i - 1);
  const int end = source.primary_end(i);
  const std::string_view after = source.str(end);
  if (before == "/" || after == "/") context.out.replace(i, i, "(double)", Kind::cast);
  if (before == "*" || after == "*" || after == "<<") {
    context.out.replace(i, i, "(size_t)", Kind::cast);
    context.out.replace(i, i, "(uint64_t)", Kind::cast);
  }
  const bool is_argument = before == "(" && source.is(end, ")") && is_call(source, i - 1);
  const bool is_byte =
      is_argument && (source.str(i - 2).starts_with("is") || source.str(i - 2).starts_with("to"));
  if (is_byte || source.is(i - 1, "[")) {
    context.out.replace(i, i, "(unsigned char)", Kind::cast);
  }
}

// sizeof(x), sizeof(*x), sizeof x / sizeof x[0].
void change_size(const Context& context, int i) {
  const Source& source = context.source;
  if (!source.is(i, "sizeof") || !source.is(i + 1, "(")) return;
  const int close = source.match(i + 1);
  const std::string text(text_of(source, i + 2, close));
  if (text.empty()) return;
  const auto put = [&](const std::string& changed) {
    context.out.replace(i, close + 1, changed, Kind::size);
  };
  if (text[0] == '*') {
    put("sizeof(" + text.substr(1) + ")");
  } else if (source.role(i + 2) == Role::type || text.ends_with("*")) {
    put(text.ends_with("*") ? "sizeof(" + text.substr(0, text.find_last_not_of(" *") + 1) + ")"
                            : "sizeof(" + text + " *)");
  } else {
    put("sizeof(*" + text + ")");
    put("sizeof(" + text + ") / sizeof(" + text + "[0])");
    put("sizeof(" + text + ") - 1");
    put("strlen(" + text + ")");
  }
  for (const std::string_view type : {"int", "char", "double", "float"}) {
    if (text != type && source.token(i + 2).kind == TokenKind::name && close == i + 3) {
      put("sizeof(" + std::string(type) + ")");
    }
  }
  if (source.is(i - 1, "*") && source.primary_begin(i - 2) >= context.unit.first_token) {
    context.out.replace(i - 1, close + 1, "", Kind::size);
  }
}

}  // namespace

void generate_c_pointers(const Context& context) {
  each_token(context, [&](int i) {
    if (i + 1 >= context.source.count()) return;
    change_signs(context, i);
    change_casts(context, i);
    change_size(context, i);
  });
}

}  // namespace corvid::tools::edits
