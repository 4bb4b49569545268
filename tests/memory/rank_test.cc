#include "memory/recall/rank.h"

#include <catch2/catch.hpp>
#include <sqlite3.h>

#include <map>
#include <random>

#include "memory/ingest/annotate.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

struct Chat {
  std::vector<NewTurn> turns;
  std::vector<int> session;
};

Chat random_chat(unsigned seed) {
  static const char* const kWords[] = {"fox",  "owl",   "tent",  "river", "boat", "lamp",
                                       "soup", "hound", "paper", "glass", "moon", "train"};
  std::mt19937 random(seed);
  Chat chat;
  for (int session = 0; session < 8; ++session) {
    for (int i = 0, count = static_cast<int>(random() % 9) + 1; i < count; ++i) {
      std::string text;
      for (int w = 0, length = static_cast<int>(random() % 6) + 1; w < length; ++w) {
        text += std::string(text.empty() ? "" : " ") + kWords[random() % 12];
      }
      chat.turns.push_back(said("s" + std::to_string(session), "Ann", text));
      chat.session.push_back(session);
    }
  }
  return chat;
}

// The text of the neighbours at the given distances.
std::string around(const Chat& chat, int at, std::initializer_list<int> offsets) {
  std::string text;
  for (const int offset : offsets) {
    const int i = at + offset;
    if (i < 0 || i >= static_cast<int>(chat.turns.size())) continue;
    const auto index = static_cast<size_t>(i);
    if (chat.session[index] != chat.session[static_cast<size_t>(at)]) continue;
    text += " " + chat.turns[index].text;
  }
  return text;
}

void execute(sqlite3* db, const std::string& sql) {
  REQUIRE(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
}

// What FTS5 itself says for a table with the columns own, near and wide.
std::map<int, double> fts5_scores(const Chat& chat, const std::string& match) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open(":memory:", &db) == SQLITE_OK);
  execute(db, "CREATE VIRTUAL TABLE m USING fts5(own, near, wide, tokenize='porter unicode61')");
  for (int i = 0; i < static_cast<int>(chat.turns.size()); ++i) {
    execute(db, "INSERT INTO m(rowid, own, near, wide) VALUES(" + std::to_string(i) + ",'" +
                    chat.turns[static_cast<size_t>(i)].text + "','" + around(chat, i, {-1, 1}) +
                    "','" + around(chat, i, {-2, 2, -3, 3}) + "')");
  }
  sqlite3_stmt* statement = nullptr;
  const std::string sql =
      "SELECT rowid, -bm25(m, 1.0, 0.5, 0.2) FROM m WHERE m MATCH '" + match + "'";
  REQUIRE(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  std::map<int, double> scores;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    scores[sqlite3_column_int(statement, 0)] = sqlite3_column_double(statement, 1);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return scores;
}

}  // namespace

TEST_CASE("Windows summed from single turns score as FTS5 scores window columns") {
  const unsigned seed = GENERATE(1u, 2u, 3u);
  const Chat chat = random_chat(seed);
  Memory memory(in_memory());
  memory.remember(chat.turns);
  const std::map<int, double> expected = fts5_scores(chat, "\"foxes\" OR \"rivers\" OR \"lamp\"");
  double largest = 0;
  for (const auto& [row, score] : expected) largest = std::max(largest, score);
  const Recall recall = memory.recall("foxes rivers lamp", {.limit = 1000});
  std::map<int, double> found;
  for (const Hit& hit : recall.hits) {
    const auto lexical = hit.reasons.find("lexical");
    if (lexical == hit.reasons.end()) continue;
    found[static_cast<int>(*parse_id(hit.id, 't')) - 1] = lexical->second / Weights().lexical;
  }
  CHECK(found.size() == expected.size());
  for (const auto& [row, score] : expected) {
    INFO("row " << row);
    CHECK(found[row] == Approx(score / largest).margin(1e-9));
  }
}

TEST_CASE("Marks of a turn: time words, capitals inside a sentence, questions") {
  CHECK((annotate("We met yesterday.") & kHasTimeWord) != 0);
  CHECK((annotate("In 2019 it rained") & kHasTimeWord) != 0);
  CHECK((annotate("the lastly named") & kHasTimeWord) == 0);
  CHECK((annotate("Anna went home. Then she slept") & (kOneCapital | kManyCapitals)) == 0);
  CHECK((annotate("I met Anna") & kOneCapital) != 0);
  CHECK((annotate("I met Anna in Rome") & kManyCapitals) != 0);
  CHECK((annotate("Is it you? ") & kAsks) != 0);
  CHECK((annotate("Is it you? [image: a cat]") & kAsks) != 0);
  CHECK((annotate("It is.") & kAsks) == 0);
}
