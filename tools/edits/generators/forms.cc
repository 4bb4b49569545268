#include <array>
#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

// Arguments that calls of well-known functions often lack.
struct Common {
  std::string_view callee;
  std::array<std::string_view, 5> arguments;
};
constexpr std::array<Common, 25> kCommon = {{
    {"open", {"encoding='utf-8'", "'rb'", "'wb'", "'w'", "errors='replace'"}},
    {"encode", {"'utf-8'", "'ascii'", "'latin1'", "errors='replace'", "errors='ignore'"}},
    {"decode", {"'utf-8'", "'ascii'", "'latin1'", "errors='replace'", "errors='ignore'"}},
    {"sorted", {"reverse=True", "key=str", "key=len", "", ""}},
    {"sort", {"reverse=True", "key=str", "key=len", "", ""}},
    {"min", {"default=None", "default=0", "key=len", "1", ""}},
    {"max", {"default=None", "default=0", "key=len", "1", ""}},
    {"sum", {"[]", "0.0", "", "", ""}},
    {"next", {"None", "", "", "", ""}},
    {"getattr", {"None", "''", "()", "False", ""}},
    {"get", {"None", "''", "[]", "{}", "()"}},
    {"pop", {"None", "0", "-1", "", ""}},
    {"split", {"1", "None, 1", "','", "maxsplit=1", "' '"}},
    {"rsplit", {"1", "None, 1", "maxsplit=1", "", ""}},
    {"enumerate", {"1", "start=1", "", "", ""}},
    {"zip", {"strict=True", "strict=False", "", "", ""}},
    {"makedirs", {"exist_ok=True", "", "", "", ""}},
    {"mkdir", {"parents=True", "exist_ok=True", "parents=True, exist_ok=True", "", ""}},
    {"dumps", {"sort_keys=True", "ensure_ascii=False", "default=str", "indent=2", ""}},
    {"loads", {"strict=False", "", "", "", ""}},
    {"sub", {"count=1", "1", "flags=re.I", "", ""}},
    {"replace", {"1", "''", "", "", ""}},
    {"int", {"10", "16", "8", "2", ""}},
    {"round", {"2", "1", "", "", ""}},
    {"rmtree", {"ignore_errors=True", "True", "", "", ""}},
}};
constexpr size_t kKeywordsMax = 8;
constexpr size_t kNumbersMax = 8;

void add_common(const Context& context, int open) {
  const Source& source = context.source;
  const int close = source.match(open);
  const bool is_empty = close == open + 1;
  if (source.is(close - 1, ",") || text_of(source, close - 1, close + 1).empty()) return;
  const std::string_view inside = text_of(source, open + 1, close);
  const bool is_generator = inside.find(" for ") != std::string_view::npos;
  if (is_generator) return;
  // A bracket before the closing one cannot be taken apart from its partner.
  const bool has_bracket = !is_empty && source.match(close - 1) >= 0;
  const auto offer = [&](std::string_view text) {
    const std::string more = ", " + std::string(text);
    if (text.empty()) return;
    if (is_empty) {
      context.out.replace(close, close, text, Kind::common_argument);
    } else if (!has_bracket) {
      context.out.replace(close - 1, close, std::string(source.str(close - 1)) + more,
                          Kind::common_argument);
    } else if (!inside.empty()) {
      context.out.replace(open + 1, close, std::string(inside) + more, Kind::common_argument);
    }
  };
  for (const Common& common : kCommon) {
    if (common.callee != source.str(open - 1)) continue;
    for (const std::string_view text : common.arguments) offer(text);
  }
  size_t offered = 0;
  for (const std::string_view text : choices(context.file.keywords, "", context.facts, 40)) {
    const std::string_view name = text.substr(0, text.find('='));
    const std::string_view value = text.substr(text.find('=') + 1);
    const std::string_view head = value.substr(0, value.find_first_of(".[("));
    const bool is_literal = head.empty() || head[0] == '\'' || head[0] == '"' || head == "None" ||
                            head == "True" || head == "False" || (head[0] >= '0' && head[0] <= '9');
    if (!is_literal && !is_known_head(head, context.facts)) continue;
    if (inside.find(std::string(name) + "=") != std::string_view::npos) continue;
    offer(text);
    if (++offered >= kKeywordsMax) break;
  }
}

void change_stars(const Context& context, int i) {
  const Source& source = context.source;
  const int open = source.opener(i);
  const bool in_call = open >= 0 && is_call(source, open);
  const bool begins = source.is(i - 1, "(") || source.is(i - 1, ",");
  if (in_call && begins && source.is_plain_name(i) && !source.is(i + 1, "=")) {
    context.out.replace(i, i, "*", Kind::star);
    context.out.replace(i, i, "**", Kind::star);
  }
  if (in_call && begins && (source.is(i, "*") || source.is(i, "**"))) {
    context.out.replace(i, i + 1, "", Kind::star);
  }
  // The operand of a formatting `%` as a tuple.
  const bool formats = source.is(i, "%") && source.token(i - 1).kind == TokenKind::string;
  if (!formats || !source.is_plain_name(i + 1)) return;
  const int last = source.primary_end(i + 1);
  const std::string text(text_of(source, i + 1, last));
  if (!text.empty()) context.out.replace(i + 1, last, "(" + text + ",)", Kind::star);
}

void change_waits(const Context& context, int i, bool is_async) {
  const Source& source = context.source;
  if (source.is(i, "await")) context.out.replace(i, i + 1, "", Kind::await);
  if (source.is(i, "yield") && !source.is(i + 1, "from")) {
    context.out.replace(i, i + 1, "yield from", Kind::yield_value);
  }
  if (source.is(i, "yield") && source.is(i + 1, "from")) {
    context.out.replace(i + 1, i + 2, "", Kind::yield_value);
  }
  if (!is_async || !source.is_plain_name(i) || source.is(i - 1, ".")) return;
  const int last = source.primary_end(i);
  const std::string_view before = source.str(i - 1);
  const bool starts = before == "=" || before == "return" || before == "(" || before == "not" ||
                      before == "if" || source.token(i - 1).kind >= TokenKind::newline;
  if (starts && last > i && source.is(last - 1, ")")) {
    context.out.replace(i, i, "await ", Kind::await);
  }
}

// Prefixes, anchors and modes.
void change_string(const Context& context, int i) {
  const Source& source = context.source;
  const std::string_view text = source.str(i);
  const size_t start = text.find_first_of("'\"");
  if (start == std::string_view::npos || start > 2 || text.size() > 80) return;
  const std::string body(text.substr(start));
  const std::string prefix(text.substr(0, start));
  const auto offer = [&](const std::string& changed) {
    context.out.replace(i, i + 1, changed, Kind::string_form);
  };
  if (prefix.empty()) {
    if (body.find('\\') != std::string::npos) offer("r" + body);
    if (body.find('{') != std::string::npos) offer("f" + body);
    if (body.size() < 40) offer("b" + body);
  } else {
    offer(body);
  }
  if (body.size() < 2 || body.size() > 60 || body[1] == body[0]) return;
  const std::string inner = body.substr(1, body.size() - 2);
  const std::string quote(1, body[0]);
  const auto put = [&](const std::string& changed) { offer(prefix + quote + changed + quote); };
  const bool is_pattern = prefix == "r" || inner.find_first_of("[(\\^$") != std::string::npos;
  if (is_pattern) {
    put("^" + inner);
    put(inner + "$");
    put(inner + "+");
    put(inner + "*");
    put(inner + "?");
    put("\\b" + inner);
    put(inner + "\\b");
    put(inner + "\\Z");
  }
  if (inner.size() > 1 && inner.back() == '$') put(inner.substr(0, inner.size() - 1));
  if (inner == "r" || inner == "w" || inner == "a") put(inner + "b");
  if (inner.size() == 2 && inner[1] == 'b') put(inner.substr(0, 1));
  if (inner.size() < 24) {
    put(inner + "\\n");
    put(inner + ":");
    put(inner + ",");
    put(" " + inner);
    put("." + inner);
    put("/" + inner);
    put("_" + inner);
    if (inner.find('-') != std::string::npos) put(inner.substr(inner.find('-') + 1));
  }
}

void change_words(const Context& context, const Statement& s) {
  const Source& source = context.source;
  const int i = s.first_token;
  const std::string_view head = source.str(i);
  const auto offer = [&](std::string_view text) {
    context.out.replace(i, i + 1, text, Kind::keyword);
  };
  if (head == "if") offer("while");
  if (head == "while") offer("if");
  if (head == "pass") {
    for (const std::string_view text : {"continue", "break", "raise"}) offer(text);
  }
  if (head == "raise" && s.last_token > i + 1) offer("return");
  if (head == "break" || head == "continue" || head == "pass") {
    for (const std::string_view text : {"None", "True", "False"}) {
      offer("return " + std::string(text));
    }
    for (const std::string_view text : choices(context.file.returns, "", context.facts, 5)) {
      offer("return " + std::string(text));
    }
    for (const std::string_view text : choices(context.facts.stored, "", context.facts, 4)) {
      offer("return " + std::string(text));
    }
  }
  if (head == "return" && s.last_token > i + 1 && source.is(s.last_token - 1, ")") &&
      source.str(i + 1)[0] >= 'A' && source.str(i + 1)[0] <= 'Z') {
    offer("raise");
  }
  if (head == "return" && s.last_token == i + 1) {
    for (const std::string_view text : {"None", "True", "False", "self", "[]", "{}", "''", "0"}) {
      context.out.replace(i, i + 1, "return " + std::string(text), Kind::return_value);
    }
    for (const std::string_view text : choices(context.facts.locals, "", context.facts, 8)) {
      context.out.replace(i, i + 1, "return " + std::string(text), Kind::return_value);
    }
  }
}

}  // namespace

void generate_forms(const Context& context) {
  const Source& source = context.source;
  bool is_async = source.is(context.unit.first_token, "async") ||
                  source.is(context.unit.first_token - 1, "async");
  each_token(context, [&](int i) { is_async = is_async || source.is(i, "await"); });
  each_token(context, [&](int i) {
    change_stars(context, i);
    change_waits(context, i, is_async);
    if (is_call(source, i)) add_common(context, i);
    if (source.token(i).kind == TokenKind::string) change_string(context, i);
    if (source.token(i).kind == TokenKind::number) {
      const std::string_view now = source.str(i);
      for (const std::string_view other :
           choices(context.file.numbers, now, context.facts, kNumbersMax)) {
        context.out.replace(i, i + 1, other, Kind::number_seen);
      }
    }
  });
  each_statement(context, [&](int, const Statement& s) { change_words(context, s); });
}

}  // namespace corvid::tools::edits
