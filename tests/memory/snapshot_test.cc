#include "memory/recall/snapshot.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "memory/ingest/ingest.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

constexpr const char* kSaid[] = {"fox",   "foxes", "river", "don't",      "3.5",  "snake_case",
                                 "Lamps", "lamp",  "caf\xc3\xa9", "owls", "over", "the"};

Ports with_lengths() {
  Ports ports;
  ports.embed = [](std::string_view text) {
    std::vector<float> out(20, 0.1f);
    for (const char c : text) out[static_cast<unsigned char>(c) % 20] += 1;
    return out;
  };
  ports.embedder = "letters";
  return ports;
}

class Filled {
 public:
  Filled() : store_(make_store(folder_.path().string(), Durability::normal)) {
    add(0, 300);
  }

  // Sessions of two projects take turns.
  void add(int from, int count) {
    for (const std::string project : {"", "other"}) {
      Ingest ingest(*store_, ports_, {.project = project});
      std::vector<NewTurn> turns;
      for (int i = from; i < from + count; ++i) {
        std::string text = "number" + std::to_string(i);
        for (size_t w = random_() % 6; w > 0; --w) text += std::string(" ") + kSaid[random_() % 12];
        turns.push_back(said("s" + std::to_string(random_() % 4), i % 2 == 0 ? "Ann" : "Ben", text));
      }
      ingest.remember(turns, "agent", "append");
    }
    what_ = {store_->find_scopes({}), "letters"};
  }

  bool save() { return save_snapshot(*store_, what_, [] { return true; }); }
  std::optional<Kept> load() { return load_snapshot(*store_, what_); }
  Kept plain() {
    Kept kept{.corpus = Corpus(what_.scopes)};
    bring_up(kept);
    return kept;
  }
  void bring_up(Kept& kept) {
    kept.corpus.refresh(*store_);
    kept.vectors.refresh(*store_, kept.corpus, "letters");
  }
  std::filesystem::path file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".cache") return entry.path();
    }
    return {};
  }
  Store& store() { return *store_; }
  const TempDir& folder() const { return folder_; }

 private:
  TempDir folder_;
  Ports ports_ = with_lengths();
  std::unique_ptr<Store> store_;
  std::mt19937 random_{3};
  SnapshotOf what_;
};

std::vector<std::pair<int32_t, int32_t>> found(const Filled&, const Store& store, const Kept& kept,
                                               std::string_view term) {
  std::vector<std::pair<int32_t, int32_t>> out;
  for (const RowCount& hit : kept.postings.find(store, kept.corpus, term)) {
    out.emplace_back(hit.row, hit.count);
  }
  return out;
}

void check_alike(Filled& filled, const Kept& fast, const Kept& slow) {
  REQUIRE(fast.corpus.rows().size() == slow.corpus.rows().size());
  for (size_t i = 0; i < slow.corpus.rows().size(); ++i) {
    const Corpus::Row& a = fast.corpus.rows()[i];
    const Corpus::Row& b = slow.corpus.rows()[i];
    const auto row = static_cast<int32_t>(i);
    const bool is_same = a.id == b.id && a.session == b.session && a.speaker == b.speaker &&
                         a.words == b.words && a.said_at == b.said_at &&
                         fast.corpus.next(row) == slow.corpus.next(row) &&
                         fast.corpus.previous(row) == slow.corpus.previous(row);
    if (!is_same) FAIL_CHECK("row " << i);
  }
  for (int offset = -3; offset <= 3; ++offset) {
    CHECK(fast.corpus.words_at(offset) == slow.corpus.words_at(offset));
  }
  CHECK(fast.corpus.words() == slow.corpus.words());
  for (const char* term : kSaid) {
    INFO(term);
    CHECK(found(filled, filled.store(), fast, term) == found(filled, filled.store(), slow, term));
  }
  CHECK(found(filled, filled.store(), fast, "number7").size() == 1);
  CHECK(found(filled, filled.store(), fast, "nowhere").empty());
  CHECK(found(filled, filled.store(), fast, "\" OR \"").empty());
  const std::vector<int8_t> question(20, 3);
  Similarity a, b;
  fast.vectors.compare(fast.corpus, question, a);
  slow.vectors.compare(slow.corpus, question, b);
  CHECK(a.own == b.own);
  CHECK(a.near == b.near);
  CHECK(a.wide == b.wide);
}

}  // namespace

TEST_CASE("What is recalled from a snapshot is what the store gives, also for later turns",
          "[sqlite]") {
  Filled filled;
  CHECK_FALSE(filled.load());
  REQUIRE(filled.save());
  auto kept = filled.load();
  REQUIRE(kept);
  CHECK(kept->postings.is_of(kept->corpus));
  check_alike(filled, *kept, filled.plain());
  for (int from = 300; from < 1'500; from += 400) {
    filled.add(from, 400);
    filled.bring_up(*kept);
    CHECK(kept->postings.is_of(kept->corpus));
    check_alike(filled, *kept, filled.plain());
  }
  auto again = filled.load();
  REQUIRE(again);
  filled.bring_up(*again);
  check_alike(filled, *again, filled.plain());
}

TEST_CASE("A snapshot goes with what is erased, unfinished ones too", "[sqlite]") {
  Filled filled;
  REQUIRE(filled.save());
  const std::filesystem::path file = filled.file();
  CHECK(all_bytes_below(filled.folder().path()).find("number42") != std::string::npos);
  std::ofstream(file.string() + ".123-4") << "number42";
  auto kept = filled.load();
  const TurnId id = kept->corpus.rows()[42].id;
  filled.store().write([&] {
    filled.store().erase_turn(*filled.store().turn(id));
    filled.store().raise_generation();
  });
  CHECK_FALSE(filled.load());  // of an older generation
  filled.store().scrub();
  CHECK(filled.file().empty());
  CHECK_FALSE(std::filesystem::exists(file.string() + ".123-4"));
  filled.bring_up(*kept);
  CHECK_FALSE(kept->postings.is_of(kept->corpus));
  check_alike(filled, *kept, filled.plain());
}

TEST_CASE("A snapshot that was begun before something is erased is not taken", "[sqlite]") {
  Filled filled;
  const SnapshotOf what{filled.store().find_scopes({}), "letters"};
  int asked = 0;
  const auto erase = [&] {
    if (asked++ == 0) filled.store().write([&] { filled.store().raise_generation(); });
    return true;
  };
  for (int i = 0; i < 40; ++i) filled.add(300 + 400 * i, 400);
  CHECK_FALSE(save_snapshot(filled.store(), what, erase));
  CHECK(asked > 0);
  CHECK(filled.file().empty());
  CHECK_THROWS(save_snapshot(filled.store(), what, [] { return false; }));
  CHECK(filled.file().empty());
}

TEST_CASE("A damaged snapshot, or one of another history of the store, is as good as none",
          "[sqlite]") {
  Filled filled;
  REQUIRE(filled.save());
  const std::filesystem::path file = filled.file();
  const std::string whole = read_file(file);
  std::mt19937 random(11);
  const auto write = [&](const std::string& bytes) {
    std::filesystem::remove(file);
    std::ofstream(file, std::ios::binary) << bytes;
  };
  for (int i = 0; i < 200; ++i) {
    std::string bytes = whole;
    if (i % 4 == 0) bytes.resize(random() % bytes.size());
    else for (int k = 0; k < 8; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
    write(bytes);
    auto kept = filled.load();
    if (!kept) continue;
    filled.bring_up(*kept);  // what was not noticed must do no harm
    for (const char* term : kSaid) found(filled, filled.store(), *kept, term);
    Similarity similarity;
    kept->vectors.compare(kept->corpus, std::vector<int8_t>(20, 3), similarity);
  }
  write(whole);
  CHECK(filled.load());
  Filled other;  // the same numbers of turns, another last turn
  other.add(300, 1);
  REQUIRE(other.save());
  write(read_file(other.file()));
  filled.add(300, 1);
  CHECK_FALSE(filled.load());
}

TEST_CASE("A large store is recalled from its snapshot with the same answers", "[sqlite]") {
  const TempDir folder;
  std::vector<NewTurn> turns;
  for (int i = 0; i < 20'500; ++i) {
    turns.push_back(said("s" + std::to_string(i / 50), "Ann",
                         "thing" + std::to_string(i % 977) + " is " + kSaid[i % 12]));
  }
  const auto answer = [&](Memory& memory) {
    std::string out;
    for (const char* question : {"where is thing12", "foxes by the river", "don't lamp"}) {
      const Recall recall = memory.recall(question, {.limit = 50});
      for (const Hit& hit : recall.hits) out += hit.id + " " + std::to_string(hit.score) + "\n";
      out += recall.context;
    }
    return out;
  };
  Memory memory(in_folder(folder.path()));
  for (size_t at = 0; at < turns.size(); at += 500) {
    memory.remember(std::span(turns).subspan(at, 500));
  }
  const auto has_file = [&] {
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "store")) {
      if (entry.path().extension() == ".cache") return true;
    }
    return false;
  };
  const auto plain = [&] {
    MemoryConfig config = in_folder(folder.path());
    Memory other(config);
    return answer(other);  // may begin a file, which ends with `other`
  };
  const std::string expected = plain();
  memory.save_snapshot();
  CHECK(has_file());
  CHECK(answer(memory) == expected);
  Memory second(in_folder(folder.path()));
  CHECK(answer(second) == expected);
  const auto forgotten = second.forget(second.find_to_forget({.text = "thing12 "}, {}), "asked");
  CHECK(forgotten.turn_count > 0);
  CHECK_FALSE(has_file());
  CHECK(answer(memory).find("thing12 ") == std::string::npos);
  CHECK(answer(memory) == answer(second));
}
