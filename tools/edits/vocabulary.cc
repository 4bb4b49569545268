#include "tools/edits/vocabulary.h"

namespace corvid::tools::edits {

Vocabulary::Vocabulary(const NgramTable& table, const Language& language)
    : table_(table), language_(language) {}

int Vocabulary::id(TokenKind kind, std::string_view text) {
  if (kind == TokenKind::newline) text = kLineEnd;
  if (kind == TokenKind::indent) text = "<indent>";
  if (kind == TokenKind::dedent) text = "<dedent>";
  const auto found = ids_.find(text);
  if (found != ids_.end()) return found->second;
  const int id = size();
  const std::string& kept = texts_.emplace_back(text);
  ids_.emplace(kept, id);
  const uint64_t hash = model_hash(model_text(kind, text));
  const bool is_known = table_.is_known(hash);
  kinds_.push_back(kind);
  hashes_.push_back(is_known ? hash : class_hash(kind));
  known_.push_back(is_known);
  names_.push_back(kind == TokenKind::name && !language_.is_keyword(text));
  return id;
}

}  // namespace corvid::tools::edits
