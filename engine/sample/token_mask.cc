#include "engine/sample/token_mask.h"

#include <algorithm>

namespace corvid::engine {

namespace {
constexpr size_t kNextMax = 24;
constexpr size_t kRunMax = 4096;
constexpr size_t kLookMax = 64;  // how far a choice is followed to see how its text is cut
}  // namespace

Masker::Masker(const Automaton& automaton, const Tokenizer& tokenizer)
    : automaton_(automaton), tokenizer_(tokenizer), trie_(tokenizer.trie()) {
  for (Token token = 0; token < tokenizer.vocab_size(); ++token) {
    if (tokenizer.is_end(token)) ends_.push_back(token);
  }
  if (!ends_.empty()) end_token_ = ends_.front();
  if (tokenizer.is_end(tokenizer.eos())) end_token_ = tokenizer.eos();
  const CallForm& form = automaton.form();
  for (const std::string_view tag : form.tags) {
    const Token token = tokenizer.find(tag);
    if (tokenizer.is_control(token)) tags_.push_back(token);
  }
  std::string watched;
  for (const CallForm::Trigger& trigger : form.triggers) watched += trigger.text.back();
  if (form.at_start) watched += form.open.back();
  for (Token token = 0; token < tokenizer.vocab_size(); ++token) {
    if (!trie_.text().has(token)) continue;
    const std::string_view bytes = tokenizer.bytes(token);
    if (bytes.find_first_of(watched) != bytes.npos) watched_.push_back(token);
    if (form.xml && bytes.find("</parameter>") != bytes.npos) not_raw_.push_back(token);
  }
}

TokenMask Masker::make(const Position& position) const {
  TokenMask mask{TokenSet(tokenizer_.vocab_size()), {}};
  if (Automaton::is_text(position)) {
    add_text(position, mask.allowed);
    add_tags(position, mask.allowed);
  } else if (position.phase != Phase::ended) {
    const Run only = run(position, kRunMax);
    mask.forced = settled(position, only);
    if (!mask.forced.empty() && !automaton_.may_end(position)) {
      mask.allowed.add(mask.forced.front());
      return mask;
    }
    mask.forced.clear();
    if (only.text.empty() || !add_last_piece(position, only, mask.allowed)) {
      add_walk(position, mask.allowed);
      add_tags(position, mask.allowed);
    }
  }
  const bool nothing = mask.allowed.first() < 0;
  if (nothing && end_token_ >= 0) {
    mask.allowed.add(end_token_);
  } else if (automaton_.may_end(position)) {
    for (Token end : ends_) mask.allowed.add(end);
  }
  if (mask.allowed.count() == 1) mask.forced = {mask.allowed.first()};
  return mask;
}

void Masker::list_next(Run& run) const {
  run.next.clear();
  for (int byte = 0; byte < 256; ++byte) {
    Position next = run.position;
    if (!automaton_.step(next, static_cast<uint8_t>(byte))) continue;
    if (run.next.size() == kNextMax) {
      run.many = true;
      return;
    }
    run.next.push_back(static_cast<uint8_t>(byte));
  }
}

// Follows `position` as long as there is one way on and the turn may not end.
Masker::Run Masker::run(const Position& position, size_t bytes_max) const {
  Run run{{}, position, {}, false};
  for (;;) {
    if (automaton_.string_room(run.position).value_or(0) > 0) {
      run.many = true;
      return run;
    }
    list_next(run);
    const bool stop = !run.text.empty() && automaton_.may_end(run.position);
    if (run.next.size() != 1 || stop || run.text.size() >= bytes_max) return run;
    run.text += static_cast<char>(run.next[0]);
    automaton_.step(run.position, run.next[0]);
  }
}

Token Masker::tag_token(const Position& position, std::string_view rest) const {
  if (Automaton::is_text(position)) return -1;
  for (const std::string_view tag : automaton_.form().tags) {
    if (!rest.starts_with(tag) || !automaton_.may_tag(position, tag)) continue;
    const Token token = tokenizer_.find(tag);
    if (tokenizer_.is_special(token)) return token;
  }
  return -1;
}

std::vector<Token> Masker::encode(Position position, std::string_view text) const {
  std::vector<Token> tokens;
  size_t done = 0;
  const auto flush = [&](size_t end) {
    const std::vector<Token> part = 
        tokenizer_.encode(text.substr(done, end - done), false, true);
    tokens.insert(tokens.end(), part.begin(), part.end());
  };
  for (size_t at = 0; at < text.size();) {
    const Token tag = tag_token(position, text.substr(at));
    const size_t size = tag >= 0 ? tokenizer_.bytes(tag).size() : 1;
    if (tag >= 0) {
      flush(at);
      tokens.push_back(tag);
      done = at + size;
    }
    automaton_.step(position, text.substr(at, size));
    at += size;
  }
  flush(text.size());
  return tokens;
}

// The tokens of a run that no later text can change: all but those of its last piece.
std::vector<Token> Masker::settled(const Position& position, const Run& run) const {
  if (run.text.empty()) return {};
  const bool last = run.next.empty() && !run.many;
  std::string_view text = run.text;
  if (!last) {
    // Text behind the last tag that is a token of its own is cut without regard to what was before.
    size_t begin = 0;
    Position at = position;
    for (size_t i = 0; i < text.size(); ++i) {
      const Token tag = tag_token(at, text.substr(i));
      if (tag >= 0) begin = i + tokenizer_.bytes(tag).size();
      automaton_.step(at, static_cast<uint8_t>(text[i]));
    }
    const auto pieces = tokenizer_.pieces(text.substr(begin));
    if (!pieces.empty()) text.remove_suffix(pieces.back().size());
  }
  std::vector<Token> tokens = encode(position, text);
  if (tokenizer_.decode(tokens) != text) return {};  // the vocabulary lacks bytes
  return tokens;
}

// The last piece of a run. Where every way on leaves it complete, its first token is settled for
// each of them; else false: its cut depends on text that is not known.
bool Masker::add_last_piece(const Position& position, const Run& known, TokenSet& set) const {
  if (known.many || known.next.empty() || automaton_.may_end(known.position)) return false;
  std::vector<Token> firsts;
  for (uint8_t byte : known.next) {
    Position next = known.position;
    automaton_.step(next, byte);
    const std::string text = known.text + static_cast<char>(byte) + run(next, kLookMax).text;
    const auto pieces = tokenizer_.pieces(text);
    if (pieces.size() < 2 || pieces.front().size() > known.text.size()) return false;
    const std::vector<Token> tokens = encode(position, text);
    if (tokens.empty() || !text.starts_with(tokenizer_.bytes(tokens.front()))) return false;
    firsts.push_back(tokens.front());
  }
  for (Token token : firsts) set.add(token);
  return true;
}

void Masker::walk(std::span<const TokenTrie::Node> nodes, const Position& position,
                  TokenSet& set) const {
  std::vector<Position> path(256);
  path[0] = position;
  for (size_t i = 0; i < nodes.size();) {
    const TokenTrie::Node& node = nodes[i];
    path[node.depth] = path[node.depth - 1u];
    if (!automaton_.step(path[node.depth], node.byte)) {
      i = static_cast<size_t>(node.skip);
      continue;
    }
    if (node.token >= 0) set.add(node.token);
    ++i;
  }
}

void Masker::add_walk(const Position& position, TokenSet& set) const {
  const std::optional<int64_t> room = automaton_.string_room(position);
  if (!room) return walk(trie_.nodes(), position, set);
  // Most of the vocabulary fits into a string; only the rest needs a walk.
  if (*room > 0) {
    TokenSet plain = trie_.plain();
    for (Token token : trie_.plain_longer_than(*room)) plain.remove(token);
    for (Token token : not_raw_) plain.remove(token);
    set.add_all(plain);
  }
  walk(trie_.rest(), position, set);
}

void Masker::add_text(const Position& position, TokenSet& set) const {
  set.add_all(trie_.text());
  for (Token token : watched_) {
    Position next = position;
    if (!automaton_.step(next, tokenizer_.bytes(token))) set.remove(token);
  }
}

void Masker::add_tags(const Position& position, TokenSet& set) const {
  for (Token tag : tags_) {
    Position next = position;
    const std::string_view bytes = tokenizer_.bytes(tag);
    if (automaton_.may_tag(position, bytes) && automaton_.step(next, bytes)) set.add(tag);
  }
  // A model may reason before it acts.
  if (!Automaton::is_text(position)) return;
  for (const std::string_view tag : {kThinkTag, kThinkEndTag}) {
    if (const Token token = tokenizer_.find(tag); token >= 0) set.add(token);
  }
}

}  // namespace corvid::engine
