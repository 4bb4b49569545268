#include <string>

#include "tools/edits/generators/generators.h"

namespace corvid::tools::edits {

namespace {

constexpr size_t kStringsMax = 24;

}  // namespace

void generate_texts(const Context& context) {
  const Source& source = context.source;
  each_token(context, [&](int i) {
    if (source.token(i).kind != TokenKind::string) return;
    const std::string_view text = source.str(i);
    if (text.size() < 2 || text.size() > 40 || (text[0] != '"' && text[0] != '\'')) return;
    if (text.starts_with("\"\"\"") || text.starts_with("'''")) return;
    const std::string quote(1, text[0]);
    const std::string body(text.substr(1, text.size() - 2));
    for (const std::string_view other :
         choices(context.file.strings, text, context.facts, kStringsMax)) {
      const bool has_prefix = other[0] != '"' && other[0] != '\'';
      const std::string_view inner = has_prefix ? other : other.substr(1, other.size() - 2);
      if (has_prefix || inner.find(quote) != std::string_view::npos) continue;
      if (inner == body) continue;
      context.out.replace(i, i + 1, quote + std::string(inner) + quote, Kind::string);
    }
    const auto offer = [&](const std::string& changed) {
      if (changed != body) context.out.replace(i, i + 1, quote + changed + quote, Kind::string);
    };
    std::string lower = body, upper = body;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    offer(lower);
    offer(upper);
    if (!body.empty() && body.back() == ' ') offer(body.substr(0, body.size() - 1));
    if (body.find('\\') == std::string::npos) offer(body + " ");
    if (body.empty()) offer(" ");
    // A letter that was lost at either end of a word which the file has.
    const auto complete = [&](std::string_view word) {
      if (word.size() != body.size() + 1 || body.size() < 2) return;
      if (word.substr(1) == body || word.substr(0, body.size()) == body) offer(std::string(word));
    };
    for (const std::string_view word : context.file.words.items) complete(word);
    for (const std::string_view word : context.file.strings.items) {
      if (word.size() > 2) complete(word.substr(1, word.size() - 2));
    }
    if (body.size() > 1) {
      offer(std::string(
                1, static_cast<char>(body[0] >= 'a' && body[0] <= 'z' ? body[0] - 32 : body[0])) +
            body.substr(1));
    }
  });
}

}  // namespace corvid::tools::edits
