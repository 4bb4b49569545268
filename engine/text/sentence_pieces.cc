#include "engine/text/sentence_pieces.h"

#include <algorithm>
#include <queue>

#include "runtime/base/error.h"

namespace corvid::engine {
namespace {

constexpr std::string_view kVisibleSpace = "\xE2\x96\x81";

// Bytes of the character that begins with `lead`, by the lead alone.
size_t character_bytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

std::string plain_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (;;) {
    const size_t at = text.find(kVisibleSpace);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += ' ';
    text.remove_prefix(at + kVisibleSpace.size());
  }
}

// A run of the text; merged ones grow, and those that were merged away are empty.
struct SentencePieces::Piece {
  size_t begin = 0, size = 0;
  int32_t previous = -1, next = -1;
};

struct SentencePieces::Merge {
  float score;
  int32_t left, right;
  size_t size;  // of both together, when it was considered

  // Highest score first, then leftmost.
  bool operator<(const Merge& other) const {
    return score != other.score ? score < other.score : left > other.left;
  }
};

SentencePieces::SentencePieces(const PieceMap& vocabulary, std::vector<float> scores,
                               const std::array<Token, 256>& byte_tokens, Token unknown)
    : vocabulary_(vocabulary),
      scores_(std::move(scores)),
      byte_tokens_(byte_tokens),
      unknown_(unknown) {
  for (const auto& [text, id] : vocabulary_) bytes_max_ = std::max(bytes_max_, text.size());
}

Token SentencePieces::find(std::string_view piece) const {
  if (piece.size() > bytes_max_) return -1;
  const auto found = vocabulary_.find(piece);
  return found == vocabulary_.end() ? -1 : found->second;
}

void SentencePieces::emit(std::string_view piece, std::vector<Token>& out) const {
  if (const Token token = find(piece); token >= 0) {
    out.push_back(token);
    return;
  }
  for (const char byte : piece) {
    const Token token = byte_tokens_[static_cast<unsigned char>(byte)];
    if (token >= 0) {
      out.push_back(token);
    } else if (unknown_ >= 0) {
      out.push_back(unknown_);
    }
  }
}

void SentencePieces::encode(std::string_view given, std::vector<Token>& out) const {
  if (given.size() >= INT32_MAX) fail(Code::invalid, "text is too long for one piece");
  const std::string text = plain_spaces(given);
  std::vector<Piece> pieces;
  for (size_t at = 0; at < text.size(); at += pieces.back().size) {
    const auto index = static_cast<int32_t>(pieces.size());
    const size_t size = std::min(character_bytes(text[at]), text.size() - at);
    pieces.push_back({at, size, index - 1, at + size < text.size() ? index + 1 : -1});
  }
  std::priority_queue<Merge> merges;
  const auto piece = [&](int32_t i) -> Piece& { return pieces[static_cast<size_t>(i)]; };
  const auto consider = [&](int32_t left, int32_t right) {
    if (left < 0 || right < 0) return;
    const size_t size = piece(left).size + piece(right).size;
    const Token token = find(std::string_view(text).substr(piece(left).begin, size));
    if (token >= 0) merges.push({scores_[static_cast<size_t>(token)], left, right, size});
  };
  for (const Piece& each : pieces) {
    if (each.next >= 0) consider(each.next - 1, each.next);
  }
  while (!merges.empty()) {
    const Merge best = merges.top();
    merges.pop();
    Piece &left = piece(best.left), &right = piece(best.right);
    // Stale when one of the two was merged meanwhile.
    if (left.size == 0 || right.size == 0 || left.size + right.size != best.size) continue;
    left.size += right.size;
    right.size = 0;
    left.next = right.next;
    if (left.next >= 0) piece(left.next).previous = best.left;
    consider(left.previous, best.left);
    consider(best.left, left.next);
  }
  for (int32_t i = pieces.empty() ? -1 : 0; i >= 0; i = piece(i).next) {
    emit(std::string_view(text).substr(piece(i).begin, piece(i).size), out);
  }
}

}  // namespace corvid::engine
