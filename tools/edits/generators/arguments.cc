#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kNamesMax = 10;
constexpr size_t kSeenMax = 12;
constexpr size_t kEverywhereMax = 16;  // others come first or last

using Range = std::pair<int, int>;

bool is_keyword_argument(const Source& source, const Range& argument) {
  return source.language().names_arguments && argument.second > argument.first + 2 &&
         source.is(argument.first + 1, "=") && source.is_plain_name(argument.first);
}

bool is_starred(const Source& source, const Range& argument) {
  return source.language().names_arguments &&
         (source.is(argument.first, "*") || source.is(argument.first, "**"));
}

void swap(const Context& context, const std::vector<Range>& arguments) {
  const Source& source = context.source;
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    const Range& a = arguments[i];
    const Range& b = arguments[i + 1];
    if (is_starred(source, a) || is_starred(source, b) || is_keyword_argument(source, b)) continue;
    const std::string left(text_of(source, a.first, a.second));
    const std::string right(text_of(source, b.first, b.second));
    if (left.empty() || right.empty() || left == right) continue;
    context.out.replace(a.first, b.second, right + ", " + left, Kind::swap_arguments);
  }
}

void drop(const Context& context, const std::vector<Range>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto [first, last] = arguments[i];
    if (arguments.size() == 1) {
      context.out.replace(first, last, "", Kind::drop_argument);
    } else if (i + 1 < arguments.size()) {
      context.out.replace(first, arguments[i + 1].first, "", Kind::drop_argument);
    } else {
      context.out.replace(arguments[i - 1].second, last, "", Kind::drop_argument);
    }
  }
}

// What could be one more argument of this call: names, constants, and what the file passes.
std::vector<std::string> extra_arguments(const Context& context, int open) {
  std::vector<std::string> out;
  const std::string_view callee = context.source.str(open - 1);
  const auto seen = context.file.arguments.find(callee);
  if (seen != context.file.arguments.end()) {
    for (const std::string_view text : choices(seen->second, "", context.facts, kSeenMax)) {
      out.emplace_back(text);
    }
  }
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, kNamesMax)) {
    out.emplace_back(name);
  }
  const auto signature = context.file.signatures.find(callee);
  const Language& language = context.source.language();
  if (language.names_arguments && signature != context.file.signatures.end()) {
    for (const std::string_view parameter : signature->second.parameters) {
      if (!context.facts.words.has(parameter)) continue;
      out.push_back(std::string(parameter) + "=" + std::string(parameter));
    }
  }
  for (const std::string_view pair : choices(context.file.pairs, "", context.facts, 24)) {
    const std::string_view base = pair.substr(0, pair.find_first_of(".-:"));
    if (context.facts.locals.has(base) || base == "self") out.emplace_back(pair);
    if (out.size() > kNamesMax + kSeenMax + 10) break;
  }
  size_t classes = 0;
  for (const std::string_view name : context.file.words.items) {
    const bool is_class = name[0] >= 'A' && name[0] <= 'Z' && context.facts.words.has(name);
    if (is_class && ++classes <= 3) out.emplace_back(name);
  }
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, 6)) {
    if (language.names_arguments) out.push_back(std::string(name) + "=" + std::string(name));
  }
  for (const std::string_view text : language.arguments) {
    const bool is_star = text[0] == '*';
    const std::string_view name = is_star ? text.substr(text.rfind('*') + 1) : text;
    if ((is_star || text == "self") && !context.facts.words.has(name)) continue;
    out.emplace_back(text);
  }
  return out;
}

void add(const Context& context, int open, const std::vector<Range>& arguments) {
  const Source& source = context.source;
  const bool is_generator =
      arguments.size() == 1 && arguments[0].second > arguments[0].first + 3 &&
      text_of(source, arguments[0].first, arguments[0].second).find(" for ") !=
          std::string_view::npos;
  if (is_generator) return;
  size_t keywords = 0;
  for (const Range& a : arguments)
    keywords += is_keyword_argument(source, a) || is_starred(source, a);
  const size_t positional = arguments.size() - keywords;
  size_t number = 0;
  for (const std::string& text : extra_arguments(context, open)) {
    const bool is_likely = ++number <= kEverywhereMax;
    const bool is_named = source.language().names_arguments &&
                          (text.find('=') != std::string::npos || text[0] == '*');
    if (arguments.empty()) {
      context.out.replace(open + 1, open + 1, text, Kind::add_argument);
      continue;
    }
    for (size_t at = is_named ? positional : 0; at <= arguments.size(); ++at) {
      if (!is_named && at > positional) break;
      if (!is_likely && at > 0 && at < positional) continue;
      if (at < arguments.size()) {
        const int first = arguments[at].first;
        context.out.replace(first, first, text + ", ", Kind::add_argument);
        // At the end of a line whose call goes on, the new one stands before the comma.
        if (at > 0 && source.token(first).line != source.token(arguments[at - 1].second).line) {
          const int before = arguments[at - 1].second;
          context.out.replace(before, before + 1, ", " + text + ",", Kind::add_argument);
        }
      } else {
        const int last = arguments.back().second;
        const std::string_view tail = text_of(source, last - 1, last);
        if (!tail.empty()) {
          context.out.replace(last - 1, last, std::string(tail) + ", " + text, Kind::add_argument);
        }
      }
    }
  }
}

void change_value(const Context& context, const Range& argument, const Names& seen) {
  const Source& source = context.source;
  const int first = argument.first + 2;
  const std::string_view keyword = source.str(argument.first);
  if (text_of(source, first, argument.second).empty()) return;
  const auto offer = [&](std::string_view text) {
    context.out.replace(first, argument.second, text, Kind::keyword_value);
  };
  offer(keyword);
  if (context.facts.has_self) {
    offer("self." + std::string(keyword));
    offer("self._" + std::string(keyword));
  }
  for (const std::string_view pair : context.file.pairs.items) {
    if (pair.ends_with("." + std::string(keyword))) offer(pair);
  }
  for (const std::string_view text : seen.items) {
    const size_t cut = text.find('=');
    if (cut != std::string_view::npos && text.substr(0, cut) == keyword)
      offer(text.substr(cut + 1));
  }
  for (const std::string_view text : {"True", "False", "None", "0", "1"}) offer(text);
  for (const std::string_view name : choices(context.facts.locals, "", context.facts, 8))
    offer(name);
  for (const std::string_view name : choices(context.facts.self_read, "", context.facts, 4)) {
    offer("self." + std::string(name));
  }
}

// Whole arguments that the file passes to the same function.
void change_whole(const Context& context, const Range& argument, const Names& seen) {
  const Source& source = context.source;
  if (text_of(source, argument.first, argument.second).empty() || is_starred(source, argument))
    return;
  for (const std::string_view text : choices(seen, "", context.facts, 6)) {
    if (text.find('=') == std::string_view::npos && text[0] != '*') {
      context.out.replace(argument.first, argument.second, text, Kind::change_argument);
    }
  }
}

}  // namespace

void generate_arguments(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int open) {
    if (!is_call(source, open)) return;
    const std::vector<Range> arguments = arguments_of(source, open);
    swap(context, arguments);
    drop(context, arguments);
    add(context, open, arguments);
    const auto seen = context.file.arguments.find(source.str(open - 1));
    if (seen == context.file.arguments.end()) return;
    for (const Range& argument : arguments) {
      if (is_keyword_argument(source, argument)) {
        change_value(context, argument, seen->second);
      } else {
        change_whole(context, argument, seen->second);
      }
    }
  });
}

}  // namespace corvid::tools::edits
