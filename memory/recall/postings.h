#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "memory/recall/column.h"
#include "memory/recall/corpus.h"
#include "memory/recall/sections.h"
#include "memory/recall/signals.h"
#include "memory/store.h"

namespace corvid::memory {

// Which turns of a corpus hold a word. For the rows up to a certain one the answer may lie in
// lists, which take a fifth of the time; for the others, and for what is more than one word, the
// store is asked.
class Postings {
 public:
  // Whether there are lists, of rows that are still those of `corpus`.
  bool is_of(const Corpus& corpus) const {
    return last_ != 0 && generation_ == corpus.generation();
  }

  // By rising row.
  std::vector<RowCount> find(const Store& store, const Corpus& corpus,
                             std::string_view term) const;

  // Lists for all rows of `corpus`. `go_on` is asked now and then; false throws cancelled.
  static void save(const Store& store, const Corpus& corpus, SectionWriter& out,
                   const std::function<bool()>& go_on);
  void load(SectionReader& in, const Corpus& corpus);

 private:
  TurnId last_ = 0;  // of the lists; 0: there are none
  int64_t generation_ = 0;
  size_t row_count_ = 0;
  Column<char> forms_;         // one after the other, sorted
  Column<uint32_t> form_ends_;
  Column<uint8_t> lists_;      // for each form, in order
  Column<uint64_t> list_ends_;
};

}  // namespace corvid::memory
