#include "engine/text/bpe.h"

#include <algorithm>
#include <array>

#include "runtime/base/error.h"

namespace corvid::engine {

namespace {

constexpr bool printable_byte(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// Code point -> byte for those below 324; -1: stands for itself.
constexpr std::array<int, 324> make_table() {
  std::array<int, 324> table{};
  table.fill(-1);
  size_t next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    table[printable_byte(byte) ? static_cast<size_t>(byte) : next++] = byte;
  }
  return table;
}

constexpr std::array<int, 324> kTable = make_table();

struct Candidate {
  int32_t rank;
  int32_t left;  // index of the left node
  int32_t left_symbol, right_symbol;

  // Lowest rank first, then leftmost.
  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : left > other.left;
  }
};

struct NodeLink {
  int32_t symbol, previous, next;
};

}  // namespace

std::string bytes_of_piece(std::string_view piece) {
  std::string out;
  for (size_t at = 0; at < piece.size();) {
    const auto c = static_cast<unsigned char>(piece[at]);
    const bool two = c >= 0xC2 && c < 0xE0 && at + 1 < piece.size();
    const size_t size = c < 0x80 ? 1 : two ? 2 : c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 1;
    const size_t code =
        c < 0x80 ? c
                 : two ? static_cast<size_t>((c & 0x1F) << 6 | (piece[at + 1] & 0x3F)) : SIZE_MAX;
    if (code < kTable.size() && kTable[code] >= 0) {
      out += static_cast<char>(kTable[code]);
    } else {
      out += piece.substr(at, size);
    }
    at += size;
  }
  return out;
}

BytePairs::BytePairs(const PieceMap& vocabulary, std::span<const std::string> merges) {
  const auto add = [&](const std::string& bytes) {
    const Symbol symbol = intern(bytes);
    if (static_cast<size_t>(symbol) == tokens_.size()) {
      const auto found = vocabulary.find(bytes);
      tokens_.push_back(found == vocabulary.end() ? -1 : found->second);
      spelled_.push_back(tokens_.back() < 0 && bytes.size() > 1 ? bytes : "");
    }
    return symbol;
  };
  for (int byte = 0; byte < 256; ++byte) {
    byte_symbols_[byte] = add(std::string(1, static_cast<char>(byte)));
  }
  merges_.reserve(merges.size());
  int32_t rank = 0;
  for (const std::string& merge : merges) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) {
      fail(Code::corrupt, "corrupt: merge '" + merge + "' has no space");
    }
    const std::string left = bytes_of_piece(std::string_view(merge).substr(0, space));
    const std::string right = bytes_of_piece(std::string_view(merge).substr(space + 1));
    const Symbol a = add(left), b = add(right), both = add(left + right);
    merges_.try_emplace(pair(a, b), Merge{rank++, both});
  }
  symbols_.clear();
}

BytePairs::Symbol BytePairs::intern(const std::string& bytes) {
  return symbols_.try_emplace(bytes, static_cast<Symbol>(symbols_.size())).first->second;
}

const BytePairs::Merge* BytePairs::find(Symbol left, Symbol right) const {
  const auto found = merges_.find(pair(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void BytePairs::emit(Symbol symbol, std::vector<Token>& out) const {
  const auto index = static_cast<size_t>(symbol);
  if (tokens_[index] >= 0) {
    out.push_back(tokens_[index]);
    return;
  }
  // A merge result that the vocabulary lacks: its bytes.
  for (char c : spelled_[index]) {
    const Token token = tokens_[static_cast<size_t>(byte_symbols_[static_cast<unsigned char>(c)])];
    if (token >= 0) out.push_back(token);
  }
}

void BytePairs::encode(std::string_view piece, std::vector<Token>& out) const {
  if (piece.size() >= INT32_MAX) fail(Code::invalid, "text is too long for one piece");
  const auto count = static_cast<int32_t>(piece.size());
  std::vector<NodeLink> nodes(piece.size());
  std::vector<Candidate> heap;
  heap.reserve(piece.size());
  const auto node = [&](int32_t index) -> NodeLink& { return nodes[static_cast<size_t>(index)]; };
  const auto consider = [&](int32_t left, bool ordered) {
    const int32_t right = left < 0 ? -1 : node(left).next;
    if (right < 0) return;
    const Merge* merge = find(node(left).symbol, node(right).symbol);
    if (!merge) return;
    heap.push_back({merge->rank, left, node(left).symbol, node(right).symbol});
    if (ordered) std::push_heap(heap.begin(), heap.end());
  };
  for (int32_t i = 0; i < count; ++i) {
    const auto byte = static_cast<unsigned char>(piece[static_cast<size_t>(i)]);
    node(i) = {byte_symbols_[byte], i - 1, i + 1 < count ? i + 1 : -1};
  }
  for (int32_t i = 0; i + 1 < count; ++i) consider(i, false);
  std::make_heap(heap.begin(), heap.end());
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Candidate best = heap.back();
    heap.pop_back();
    NodeLink& left = node(best.left);
    // Stale when one of the two has been merged meanwhile.
    if (left.symbol != best.left_symbol || left.next < 0) continue;
    NodeLink& right = node(left.next);
    if (right.symbol != best.right_symbol) continue;
    left.symbol = find(best.left_symbol, best.right_symbol)->result;
    right.symbol = -1;
    left.next = right.next;
    if (left.next >= 0) node(left.next).previous = best.left;
    consider(left.previous, true);
    consider(best.left, true);
  }
  for (int32_t i = count ? 0 : -1; i >= 0; i = node(i).next) emit(node(i).symbol, out);
}

}  // namespace corvid::engine
