#include "memory/recall/postings.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace corvid::memory {
namespace {

constexpr size_t kAskedEvery = 65'536;

// A list holds numbers of seven bits a byte, the highest bit for "goes on": twice the distance to
// the row before, plus 1 where a count other than 1 follows.
void put_number(std::string& out, uint32_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}

uint32_t take_number(std::span<const uint8_t> bytes, size_t& at) {
  uint32_t value = 0;
  for (int shift = 0; at < bytes.size() && shift < 32; shift += 7) {
    const uint8_t byte = bytes[at++];
    value |= static_cast<uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

// Row after row of rising ids.
class RowFinder {
 public:
  explicit RowFinder(const Corpus& corpus) : rows_(corpus.rows()) {}

  void begin() { at_ = 0; }
  // -1: not a row. Ids rise by 1 at least, so that the place is at most as far as the ids are.
  int32_t find(TurnId id) {
    if (at_ >= rows_.size() || id < rows_[at_].id) return -1;
    const auto reach = std::min(rows_.size() - 1 - at_, static_cast<size_t>(id - rows_[at_].id));
    const auto from = rows_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto most = from + static_cast<std::ptrdiff_t>(reach);
    const auto place = most->id == id ? most : std::lower_bound(
        from, most, id, [](const Corpus::Row& row, TurnId wanted) { return row.id < wanted; });
    at_ = static_cast<size_t>(place - rows_.begin());
    return place->id == id ? static_cast<int32_t>(at_) : -1;
  }

 private:
  std::span<const Corpus::Row> rows_;
  size_t at_ = 0;
};

}  // namespace

std::vector<RowCount> Postings::find(const Store& store, const Corpus& corpus,
                                     std::string_view term) const {
  std::vector<RowCount> hits;
  const std::string form = is_of(corpus) ? store.folded(term) : std::string();
  if (!form.empty()) {
    const auto text_of = [&](size_t i) {
      const size_t begin = i == 0 ? 0 : form_ends_[i - 1];
      return std::string_view(forms_.data() + begin, form_ends_[i] - begin);
    };
    size_t low = 0;
    for (size_t high = form_ends_.size(); low < high;) {
      const size_t middle = (low + high) / 2;
      if (text_of(middle) < form) low = middle + 1;
      else high = middle;
    }
    if (low < form_ends_.size() && text_of(low) == form) {
      const size_t begin = low == 0 ? 0 : list_ends_[low - 1];
      const auto bytes = std::span<const uint8_t>(lists_).subspan(begin, list_ends_[low] - begin);
      hits.reserve(bytes.size());
      int64_t row = -1;
      for (size_t at = 0; at < bytes.size();) {
        const uint32_t step = take_number(bytes, at);
        row += step / 2;
        const uint32_t count = (step & 1) != 0 ? take_number(bytes, at) : 1;
        if (row < 0 || row >= static_cast<int64_t>(row_count_)) break;  // damaged
        hits.push_back({static_cast<int32_t>(row), static_cast<int32_t>(count)});
      }
    }
  }
  if (!form.empty() && corpus.rows().back().id <= last_) return hits;
  RowFinder rows(corpus);
  for (const TermCount& hit : store.match_after(term, form.empty() ? 0 : last_)) {
    const int32_t row = rows.find(hit.turn);
    // Others are of another scope, or newer than the corpus.
    if (row >= 0) hits.push_back({row, hit.count});
  }
  return hits;
}

void Postings::save(const Store& store, const Corpus& corpus, SectionWriter& out,
                    const std::function<bool()>& go_on) {
  std::string forms;
  std::string form;
  std::string list;
  std::vector<uint32_t> form_ends;
  std::vector<uint64_t> list_ends;
  uint64_t list_bytes = 0;
  size_t seen = 0;
  RowFinder rows(corpus);
  int32_t last = -1;
  out.begin(1);
  const auto finish = [&] {
    if (list.empty()) return;
    forms += form;
    form_ends.push_back(static_cast<uint32_t>(forms.size()));
    out.add(list.data(), list.size());
    list_ends.push_back(list_bytes += list.size());
    list.clear();
  };
  store.for_each_posting([&](std::string_view next, TermCount hit) {
    if (++seen % kAskedEvery == 0 && !go_on()) fail(Code::cancelled, "cancelled");
    if (next != form) {
      finish();
      form = next;
      rows.begin();
      last = -1;
    }
    const int32_t row = rows.find(hit.turn);
    if (row < 0) return;
    const auto step = static_cast<uint32_t>(row - last);
    put_number(list, step * 2 + (hit.count != 1));
    if (hit.count != 1) put_number(list, static_cast<uint32_t>(hit.count));
    last = row;
  });
  finish();
  out.put(std::span<const uint64_t>(list_ends));
  out.put(std::span<const char>(forms));
  out.put(std::span<const uint32_t>(form_ends));
}

void Postings::load(SectionReader& in, const Corpus& corpus) {
  lists_ = in.take<uint8_t>();
  list_ends_ = in.take<uint64_t>();
  forms_ = in.take<char>();
  form_ends_ = in.take<uint32_t>();
  in.require(std::ranges::is_sorted(std::span<const uint64_t>(list_ends_)) &&
             std::ranges::is_sorted(std::span<const uint32_t>(form_ends_)) &&
             list_ends_.size() == form_ends_.size() &&
             (form_ends_.empty() || (form_ends_.back() <= forms_.size() &&
                                     list_ends_.back() <= lists_.size())));
  generation_ = corpus.generation();
  row_count_ = corpus.rows().size();
  last_ = corpus.rows().empty() ? 0 : corpus.rows().back().id;
}

}  // namespace corvid::memory
