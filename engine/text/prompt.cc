#include "engine/prompt.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json.h"

namespace corvid::engine {

namespace {

// While the template runs, BEGIN index END (private-use characters) stands for text that reads like
// a control token.
constexpr std::string_view kMarkBegin = "\xee\x83\xb0";  // U+E0F0
constexpr std::string_view kMarkEnd = "\xee\x83\xb1";    // U+E0F1
constexpr std::string_view kReply = "\xee\x83\xb2";    // U+E0F2, for a reply's content
constexpr auto kNone = std::string_view::npos;

// As the source spells it, within a string: \n</think>\n\n at most.
std::string end_of_thinking(std::string_view source) {
  std::string before, after;
  bool found = false;
  for (size_t at = 0; (at = source.find(kThinkEndTag, at)) != kNone; at += kThinkEndTag.size()) {
    found = true;
    if (source.substr(0, at).ends_with("\\n")) before = "\n";
    std::string lines;
    auto rest = source.substr(at + kThinkEndTag.size());
    for (; rest.starts_with("\\n") && lines.size() < 2; rest.remove_prefix(2)) lines += '\n';
    if (lines.size() > after.size()) after = lines;
  }
  return found ? before + std::string(kThinkEndTag) + after : std::string();
}

}  // namespace

PromptWriter::PromptWriter(const std::string& chat_template, const Tokenizer& tokenizer)
    : template_(chat_template),
      tokenizer_(tokenizer),
      thinking_end_(end_of_thinking(chat_template)) {
  // A mark that a message brings along is not taken for one of ours.
  specials_ = {std::string(kMarkBegin), std::string(kReply)};
  for (Token token = 0; token < tokenizer.vocab_size(); ++token) {
    // User-defined tokens are text to the model wherever they stand.
    const std::string_view text = tokenizer.bytes(token, true);
    if (tokenizer.is_control(token) && !text.empty()) specials_.emplace_back(text);
    if (tokenizer.is_end(token) && !text.empty()) ends_.emplace_back(text);
  }
  std::stable_sort(specials_.begin(), specials_.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& special : specials_) {
    begins_[static_cast<unsigned char>(special.front())] = true;
  }
}

std::string PromptWriter::marked(std::string_view text) const {
  std::string out;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const bool may_begin = begins_[static_cast<unsigned char>(text[at])];
    const auto found =
        may_begin ? std::find_if(specials_.begin(), specials_.end(),
                                 [rest = text.substr(at)](const std::string& special) {
                                   return rest.starts_with(special);
                                 })
                  : specials_.end();
    if (found == specials_.end()) {
      ++at;
      continue;
    }
    out += text.substr(done, at - done);
    out += kMarkBegin;
    out += std::to_string(found - specials_.begin());
    out += kMarkEnd;
    at = done = at + found->size();
  }
  out += text.substr(done);
  return out;
}

OrderedJson PromptWriter::marked(const OrderedJson& json, int depth) const {
  if (depth > kJsonDepthMax) fail(Code::invalid, "chat context is nested too deeply");
  if (json.is_string()) return marked(json.get_ref<const std::string&>());
  if (!json.is_structured()) return json;
  OrderedJson out(json.type());
  if (json.is_array()) {
    for (const OrderedJson& item : json) out.push_back(marked(item, depth + 1));
  } else {
    for (const auto& [key, item] : json.items()) out[marked(key)] = marked(item, depth + 1);
  }
  return out;
}

// A mark that the template cut in pieces stays as it is.
Prompt PromptWriter::unmarked(std::string_view rendered) const {
  Prompt prompt;
  while (!rendered.empty()) {
    const size_t begin = rendered.find(kMarkBegin);
    prompt.text += rendered.substr(0, begin);
    if (begin == kNone) break;
    rendered.remove_prefix(begin);
    const char* const digits = rendered.data() + kMarkBegin.size();
    const char* const end = rendered.data() + rendered.size();
    size_t index = 0;
    const auto [behind, error] = std::from_chars(digits, end, index);
    const bool whole = error == std::errc() && index < specials_.size() &&
                       std::string_view(behind, end).starts_with(kMarkEnd);
    const std::string_view special = whole ? std::string_view(specials_[index]) : kMarkBegin;
    prompt.literals.push_back({prompt.text.size(), prompt.text.size() + special.size()});
    prompt.text += special;
    const auto used = static_cast<size_t>(behind - rendered.data());
    rendered.remove_prefix(whole ? used + kMarkEnd.size() : kMarkBegin.size());
  }
  return prompt;
}

std::string PromptWriter::render(OrderedJson given) const {
  for (const auto& [key, token] : {std::pair{"bos_token", tokenizer_.bos()},
                                   std::pair{"eos_token", tokenizer_.eos()}}) {
    given[key] = token < 0 ? std::string() : std::string(tokenizer_.bytes(token, true));
  }
  return template_.render(given);
}

Prompt PromptWriter::write(const OrderedJson& context) const {
  return unmarked(render(marked(context, 0)));
}

std::optional<Prompt> PromptWriter::write_behind(const OrderedJson& context, size_t reply) const {
  OrderedJson given = marked(context, 0);
  given.at("messages").at(reply)["content"] = kReply;
  const std::string rendered = render(std::move(given));
  const size_t content = rendered.rfind(kReply);
  if (content == std::string::npos) return std::nullopt;
  Prompt prompt = unmarked(std::string_view(rendered).substr(content + kReply.size()));
  const auto is_literal = [&prompt](size_t at) {
    const auto holds = [at](const Prompt::Span& span) { return span.begin <= at && at < span.end; };
    return std::any_of(prompt.literals.begin(), prompt.literals.end(), holds);
  };
  size_t begin = prompt.text.size();
  for (const std::string& end : ends_) {
    size_t at = prompt.text.find(end);
    while (at < begin && is_literal(at)) at = prompt.text.find(end, at + 1);
    begin = std::min(begin, at);
  }
  if (begin == prompt.text.size()) return std::nullopt;
  prompt.text.erase(0, begin);
  std::erase_if(prompt.literals, [begin](const auto& span) { return span.begin < begin; });
  for (Prompt::Span& span : prompt.literals) {
    span.begin -= begin;
    span.end -= begin;
  }
  return prompt;
}

std::vector<Token> PromptWriter::encode(const Prompt& prompt, size_t from) const {
  std::vector<Token> tokens;
  if (from == 0 && tokenizer_.add_bos() && tokenizer_.bos() >= 0 &&
      !prompt.text.starts_with(tokenizer_.bytes(tokenizer_.bos(), true))) {
    tokens.push_back(tokenizer_.bos());
  }
  size_t at = from;
  const auto put = [&](size_t end, bool parse_special) {
    if (end <= at) return;
    const auto piece = std::string_view(prompt.text).substr(at, end - at);
    const std::vector<Token> part = tokenizer_.encode(piece, parse_special, at > 0);
    tokens.insert(tokens.end(), part.begin(), part.end());
    at = end;
  };
  for (const Prompt::Span& literal : prompt.literals) {
    put(literal.begin, true);
    put(literal.end, false);
  }
  put(prompt.text.size(), true);
  return tokens;
}

bool ends_in_thinking(std::string_view prompt) {
  return prompt.substr(0, prompt.find_last_not_of(" \n") + 1).ends_with(kThinkTag);
}

}  // namespace corvid::engine
