#include "memory/recall/rank.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

#include "memory/ingest/annotate.h"
#include "memory/ingest/ingest.h"
#include "memory/recall/signals.h"
#include "memory/store.h"
#include "runtime/base/files.h"
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
      if (session == 3 && i == 0) text += " otter";  // a rare one
      // Some sessions take turns.
      const size_t at = seed % 2 == 0 ? chat.turns.size() : random() % (chat.turns.size() + 1);
      const auto place = static_cast<std::ptrdiff_t>(at);
      chat.turns.insert(chat.turns.begin() + place,
                        said("s" + std::to_string(session), "Ann", text));
      chat.session.insert(chat.session.begin() + place, session);
    }
  }
  return chat;
}

// The turn at that offset in the session of `at`; -1: none.
int in_session(const Chat& chat, int at, int offset) {
  const int step = offset < 0 ? -1 : 1;
  int place = at;
  for (int left = std::abs(offset); left > 0; --left) {
    do {
      place += step;
      if (place < 0 || place >= static_cast<int>(chat.turns.size())) return -1;
    } while (chat.session[static_cast<size_t>(place)] != chat.session[static_cast<size_t>(at)]);
  }
  return place;
}

// BM25 by its definition, over windows that are counted out anew for every turn.
std::vector<double> plain_bm25(const Chat& chat, const Window& window,
                               const std::vector<std::string>& terms) {
  const int count = static_cast<int>(chat.turns.size());
  std::vector<double> length(chat.turns.size(), 0.0);
  std::map<std::string, std::vector<double>> holds;
  for (const std::string& term : terms) holds[term].resize(chat.turns.size(), 0.0);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    for (int offset = -3; offset <= 3; ++offset) {
      const int j = in_session(chat, i, offset);
      if (j < 0) continue;
      const auto other = static_cast<size_t>(j);
      const double weight = window[static_cast<size_t>(offset + 3)] / 10.0;
      for (const std::string& word : words_of(chat.turns[other].text)) {
        length[at] += weight;
        if (holds.contains(word)) holds[word][at] += weight;
      }
    }
  }
  const double mean = std::accumulate(length.begin(), length.end(), 0.0) / count;
  std::vector<double> score(chat.turns.size(), 0.0);
  for (const std::string& term : terms) {
    const auto with = static_cast<double>(
        std::ranges::count_if(holds[term], [](double value) { return value > 0; }));
    const double idf = std::log(1 + (count - with + 0.5) / (with + 0.5));
    for (size_t i = 0; i < score.size(); ++i) {
      const double held = holds[term][i];
      score[i] += idf * held * 2.2 / (held + 1.2 * (0.25 + 0.75 * length[i] / mean));
    }
  }
  return score;
}

}  // namespace

TEST_CASE("Windows summed from single turns score as BM25 over windows is defined") {
  const unsigned seed = GENERATE(1u, 2u, 3u, 4u);
  const Chat chat = random_chat(seed);
  const auto store = make_store(":memory:", Durability::normal);
  const Ports ports;
  Ingest ingest(*store, ports, {});
  ingest.remember(chat.turns, "agent", "append");
  Corpus corpus(store->find_scopes({}));
  corpus.refresh(*store);
  const Window near = {0, 0, 5, 10, 3, 0, 0};
  const Window wide = {4, 7, 10, 10, 10, 6, 3};
  Signals signals;
  const std::vector<std::string> terms = {"fox", "river", "otter", "lamp"};
  std::vector<std::vector<RowCount>> hits;
  for (const std::string& term : terms) {
    hits.emplace_back();  // rows rise from 0 as turns do from 1
    for (const TermCount& hit : store->match(term)) {
      hits.back().push_back({static_cast<int32_t>(hit.turn) - 1, hit.count});
    }
  }
  signals.measure(corpus, {near, wide}, hits);
  signals.measure(corpus, {near, wide}, hits);  // nothing is left of the first time
  const std::pair<const std::vector<float>&, Window> views[] = {
      {signals.own(), {0, 0, 0, 10, 0, 0, 0}}, {signals.near(), near}, {signals.wide(), wide}};
  for (const auto& [found, window] : views) {
    const std::vector<double> expected = plain_bm25(chat, window, terms);
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      INFO("row " << i);
      CHECK(found[i] == Approx(expected[i]).margin(1e-5));
    }
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

TEST_CASE("Who, where and what has a name of its own is answered by a turn with names") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "I read and liked it in Rome with Ben"));
  const auto wants_name = [&](const char* question) {
    return memory.recall(question).hits.at(0).reasons.contains("answer");
  };
  for (const char* question :
       {"Where did Ann read?", "What books has Ann read?", "What is the name of what Ann read?",
        "What are the beaches where Ann read?", "What fantasy series has Ann read?",
        "What old libraries does Ann read in?"}) {
    INFO(question);
    CHECK(wants_name(question));
  }
  for (const char* question :
       {"What did Ann read?", "What has Ann read in libraries?", "What kind of books has Ann read?",
        "Why did Ann read books?"}) {
    INFO(question);
    CHECK_FALSE(wants_name(question));
  }
}

TEST_CASE("In an agent's sessions what it says counts beside what users say, and tools come last") {
  Memory memory(in_memory());
  memory.remember(by_role("a", "user", "why does the parser fail"));
  memory.remember(by_role("a", "tool", "parser fail parser fail parser fail"));
  memory.remember(by_role("a", "assistant", "the parser fails since the header is empty"));
  memory.remember(by_role("b", "user", "run the formatter"));
  const Recall recall = memory.recall("why did the parser fail for the user", {});
  REQUIRE(recall.hits.size() >= 3);
  CHECK(recall.hits[0].text == "why does the parser fail");
  CHECK(recall.hits[0].reasons.at("speaker") > recall.hits[1].reasons.at("speaker"));
  CHECK(recall.hits[1].text == "the parser fails since the header is empty");
  CHECK_FALSE(recall.hits[2].reasons.contains("speaker"));
}

TEST_CASE("Words of scripts without blanks are found") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "\u751f\u4ea7\u670d\u52a1\u5668\u5728\u4e1c\u4eac\u3002"));
  memory.remember(said("s", "Ann", "\u30b5\u30fc\u30d0\u30fc\u306e\u30dd\u30fc\u30c8\u306f"
                                   "8080\u3067\u3059"));
  memory.remember(said("s", "Ann", "\uc6b0\ub9ac \uc11c\ubc84\uc758 \ud3ec\ud2b8\ub294 9090"));
  memory.remember(said("s", "Ann", "the fox sleeps"));
  CHECK(memory.recall("\u4e1c\u4eac").hits.front().id == "t1");
  CHECK(memory.recall("\u30dd\u30fc\u30c8\u306f\uff1f").hits.front().id == "t2");
  CHECK(memory.recall("8080").hits.front().id == "t2");
  CHECK(memory.recall("\uc11c\ubc84").hits.front().id == "t3");
  const std::vector<std::string> words = {"v2", "\u3067\u3059", "ok"};
  CHECK(words_of("v2\u3067\u3059\u3002ok") == words);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("An index without such words is made anew", "[sqlite]") {
  const TempDir folder;
  { Memory(in_folder(folder.path())).remember(said("s", "Ann", "\u5728\u4e1c\u4eac\u3002")); }
  run_sql(folder.path(), "INSERT INTO fts_turn(fts_turn) VALUES('delete-all');"
                         "INSERT INTO fts_turn(rowid, own)"
                         " VALUES(1, '\u5728\u4e1c\u4eac\u3002');"
                         "DELETE FROM meta WHERE key = 'index_form'");
  Memory memory(in_folder(folder.path()));
  CHECK(memory.recall("\u4e1c\u4eac").hits.size() == 1);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("In an agent's sessions the shorter of two turns that fit alike comes first") {
  Memory memory(in_memory());
  memory.remember(by_role("r", "tool", "exit code 0"));
  memory.remember(by_role("r", "assistant", "all passed"));
  std::string filler;
  for (int i = 0; i < 60; ++i) filler += " and so on";
  memory.remember(by_role("s", "user", "the kettle is red" + filler));
  memory.remember(by_role("t", "user", "the kettle is red"));
  const Recall recall = memory.recall("which colour has the kettle", {});
  REQUIRE(recall.hits.size() >= 2);
  CHECK(recall.hits[0].session == "t");
  CHECK_FALSE(recall.hits[0].reasons.contains("length"));
  CHECK(recall.hits[1].reasons.at("length") < 0);
}

TEST_CASE("What tools and the assistant say of a person is not taken for another person's words") {
  Memory memory(in_memory());
  NewTurn own = by_role("s", "user", "my phone number is 555-0100");
  own.speaker = "Ann";
  memory.remember(own);
  for (const char* role : {"tool", "assistant"}) {
    memory.remember(by_role("t", role, "the phone number is 666, the phone number is 666"));
  }
  CHECK(memory.recall("What is Ann's phone number?").support > 0.5);
}

TEST_CASE("What is said again and again stands once in the context, beside what else there is") {
  Memory memory(in_memory());
  for (int i = 0; i < 40; ++i) {
    memory.remember(by_role("s" + std::to_string(i), "user", "the lamp in the hall is red"));
  }
  memory.remember(by_role("t", "user", "the lamp hangs over the stairs"));
  const Recall recall = memory.recall("where is the lamp", {.budget_tokens = 80});
  CHECK(recall.hits.size() == 41);
  CHECK(recall.context.find("the lamp in the hall is red") ==
        recall.context.rfind("the lamp in the hall is red"));
  CHECK(recall.context.find(", said 40 times]") != std::string::npos);
  CHECK(recall.context.find("over the stairs") != std::string::npos);
}

TEST_CASE("A reply counts what the question before it shares with the one asked") {
  Memory memory(in_memory());
  memory.remember(said("s", "Ann", "Do you still take kickboxing lessons?"));
  memory.remember(said("s", "Ben", "Yes, twice a week!"));
  memory.remember(said("s", "Ann", "Kickboxing lessons are fun."));
  memory.remember(said("s", "Ben", "They are, twice a week!"));
  double reply = 0;
  double other = 0;
  for (const Hit& hit : memory.recall("what about Ben and the kickboxing lessons").hits) {
    const auto part = hit.reasons.find("answer");
    if (hit.id == "t2" && part != hit.reasons.end()) reply = part->second;
    if (hit.id == "t4" && part != hit.reasons.end()) other = part->second;
  }
  CHECK(reply > 0);
  CHECK(other == 0);
}
