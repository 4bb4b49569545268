#include "memory/recall/vectors.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>
#include <thread>

#include "memory/ingest/vector.h"
#include "memory/memory.h"
#include "memory/store.h"
#include "memory/stores/support/schema.h"
#include "runtime/base/files.h"
#include "runtime/base/text.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

constexpr size_t kDim = 24;
constexpr size_t kWideDim = 64;  // of which four bits of each number are kept

// A direction by hash for each word, except that words for animals share one.
std::vector<float> direction(const std::string& word) {
  const bool is_animal = word == "dog" || word == "puppy" || word == "hound";
  std::mt19937 random(static_cast<unsigned>(fnv1a(is_animal ? "animal" : word)));
  std::vector<float> out;
  for (size_t i = 0; i < kDim; ++i) out.push_back(std::normal_distribution<float>()(random));
  return out;
}

std::vector<float> embed(std::string_view text) {
  std::vector<float> sum(kDim, 0.0f);
  std::string word;
  for (const char c : std::string(text) + " ") {
    if (c != ' ') {
      word += c;
      continue;
    }
    if (word.size() > 2) {
      const std::vector<float> part = direction(word);
      for (size_t i = 0; i < kDim; ++i) sum[i] += part[i];
    }
    word.clear();
  }
  return sum;
}

Ports with_vectors(const std::string& name = "test") {
  Ports ports;
  ports.embed = embed;
  ports.embedder = name;
  return ports;
}

double cosine(const std::vector<double>& a, const std::vector<double>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0.0;
}

std::vector<double> unit(std::span<const int8_t> bytes) {
  std::vector<double> out(bytes.begin(), bytes.end());
  double square = 0;
  for (const double value : out) square += value * value;
  for (double& value : out) value /= std::max(std::sqrt(square), 1e-9);
  return out;
}

}  // namespace

TEST_CASE("Similarities of turns and of means of neighbours are what plain sums give") {
  const auto store = make_store(":memory:", Durability::normal);
  std::mt19937 random(5);
  std::map<TurnId, std::vector<double>> vectors;
  std::vector<std::vector<TurnId>> sessions(3);  // the last one is by itself
  Corpus corpus({1});
  Vectors live;
  Vectors coarse(1);
  const auto add = [&](int count) {
    store->write([&] {
      const ScopeId scope = store->put_scope({});
      for (int i = 0; i < count; ++i) {
        const size_t in = count > 20 ? 2 : random() % 2;
        const SessionRow session =
            store->put_session(scope, "s" + std::to_string(in), SessionKind::chat);
        Turn turn;
        turn.scope = scope;
        turn.session_key = session.key;
        turn.text = "x";
        const TurnId id = store->add_turn(turn);
        sessions[in].push_back(id);
        std::vector<int8_t> bytes;
        if (random() % 7 != 0) {
          for (size_t k = 0; k < kWideDim; ++k) {
            bytes.push_back(static_cast<int8_t>(static_cast<int>(random() % 255) - 127));
          }
        }
        store->put_vector(id, "e", bytes);
        vectors[id] = bytes.empty() ? std::vector<double>(kWideDim, 0.0) : unit(bytes);
      }
    });
    corpus.refresh(*store);
    live.refresh(*store, corpus, "e");
    coarse.refresh(*store, corpus, "e");
  };
  for (const int count : {1, 2, 1, 26, 14, 3}) add(count);
  std::vector<int8_t> question;
  for (size_t k = 0; k < kWideDim; ++k) question.push_back(static_cast<int8_t>(static_cast<int>(k * 7 % 200) - 100));
  Similarity found;
  live.compare(corpus, question, found);
  REQUIRE(found.own.size() == 47);
  const double at_distance[2][4] = {{1, 0.5, 0, 0}, {1, 0.5, 0.25, 0.15}};
  for (size_t row = 0; row < 47; ++row) {
    const TurnId id = corpus.rows()[row].id;
    const auto& session =
        *std::ranges::find_if(sessions, [&](const std::vector<TurnId>& each) {
          return std::ranges::find(each, id) != each.end();
        });
    const auto place = std::ranges::find(session, id) - session.begin();
    INFO("row " << row);
    CHECK(found.own[row] == Approx(cosine(vectors[id], unit(question))).margin(1e-5));
    for (int which = 0; which < 2; ++which) {
      std::vector<double> mean(kWideDim, 0.0);
      for (int offset = -3; offset <= 3; ++offset) {
        const auto at = place + offset;
        if (at < 0 || at >= static_cast<std::ptrdiff_t>(session.size())) continue;
        for (size_t k = 0; k < kWideDim; ++k) {
          mean[k] += at_distance[which][std::abs(offset)] *
                     vectors[session[static_cast<size_t>(at)]][k];
        }
      }
      const float got = which == 0 ? found.near[row] : found.wide[row];
      CHECK(got == Approx(cosine(mean, unit(question))).margin(1e-4));
    }
  }
  Vectors anew;
  anew.refresh(*store, corpus, "e");
  Similarity other;
  anew.compare(corpus, question, other);
  CHECK(other.wide == found.wide);
  // Four bits of each number give nearly the same, and exactly where that is asked for.
  coarse.compare(corpus, question, other);
  CHECK(found.error == 0);
  CHECK(other.error > 0);
  std::vector<int32_t> third;
  for (size_t row = 0; row < 47; ++row) {
    CHECK(other.own[row] == Approx(found.own[row]).margin(0.08));
    CHECK(other.wide[row] == Approx(found.wide[row]).margin(0.08));
    if (row % 3 == 0) third.push_back(static_cast<int32_t>(row));
  }
  CHECK(other.own != found.own);
  coarse.refine(corpus, question, third, other);
  for (const int32_t row : third) {
    const auto i = static_cast<size_t>(row);
    CHECK(other.own[i] == Approx(found.own[i]).margin(1e-6));
    CHECK(other.near[i] == Approx(found.near[i]).margin(1e-6));
    CHECK(other.wide[i] == Approx(found.wide[i]).margin(1e-6));
  }
  live.compare(corpus, std::vector<int8_t>{1, 2}, other);
  CHECK(other.own.empty());
}

TEST_CASE("A turn that means what was asked is found without its words") {
  Memory words(in_memory());
  Memory memory(in_memory(), with_vectors());
  for (Memory* one : {&words, &memory}) {
    one->remember(said("s", "Ann", "yesterday the boat sank"));
    one->remember(said("s", "Bob", "today the kettle broke"));
    one->remember(said("t", "Ann", "finally got that puppy"));
    one->remember(said("u", "Bob", "which boat was that"));
  }
  const Recall recall = memory.recall("dog boat");
  const auto puppy = std::ranges::find(recall.hits, "t3", &Hit::id);
  REQUIRE(puppy != recall.hits.end());
  CHECK(puppy->reasons.at("vector") > 0.5);
  const Recall without = words.recall("dog boat");
  CHECK(std::ranges::find(without.hits, "t3", &Hit::id) == without.hits.end());
  CHECK(memory.recall("dog boat").context == recall.context);
}

TEST_CASE("What stands in one turn alone is found there, whoever said it") {
  Memory memory(in_memory(), with_vectors());
  for (int i = 0; i < 60; ++i) {
    const std::string session = "s" + std::to_string(i);
    memory.remember(by_role(session, "user", "how do I mend the boat number " + std::to_string(i)));
    memory.remember(by_role(session, "assistant", i == 30 ? "that is error E0382 of the compiler"
                                                          : "turn the boat over and look"));
  }
  const Recall recall = memory.recall("E0382");
  REQUIRE_FALSE(recall.hits.empty());
  CHECK(recall.hits[0].text == "that is error E0382 of the compiler");
}

TEST_CASE("Without a word of the question the nearest in meaning are told, or nothing") {
  Memory memory(in_memory(), with_vectors());
  memory.remember(said("s", "Ann", "finally got that puppy"));
  memory.remember(said("s", "Bob", "today the kettle broke"));
  const Recall recall = memory.recall("hound");
  REQUIRE(recall.hits.size() == 1);
  CHECK(recall.hits[0].text == "finally got that puppy");
  CHECK(recall.support == 0);
}

TEST_CASE("A forgotten turn's vector is erased, and its bytes are in no file") {
  const TempDir folder;
  Memory memory(in_folder(folder.path()), with_vectors());
  for (int i = 0; i < 20; ++i) memory.remember(said("s", "Ann", "talk " + std::to_string(i)));
  memory.remember(said("s", "Ann", "quokka periwinkle observatory"));
  const std::vector<int8_t> vector = to_bytes(embed("quokka periwinkle observatory"));
  const std::string bytes(vector.begin(), vector.end());
  REQUIRE(all_bytes_below(folder.path()).find(bytes) != std::string::npos);
  CHECK(memory.stats().vectors == 21);
  memory.forget(memory.find_to_forget({.text = "quokka"}, {.scope = memory.scope()}), "");
  CHECK(memory.stats().vectors == 20);
  CHECK(all_bytes_below(folder.path()).find(bytes) == std::string::npos);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A store without vectors, or with those of another embedder, gets them when opened") {
  const TempDir folder;
  const auto fill = [&](Ports ports) {
    Memory memory(in_folder(folder.path()), std::move(ports));
    memory.remember(said("s", "Ann", "finally got that puppy"));
    return memory.stats().vectors;
  };
  CHECK(fill({}) == 0);
  CHECK(fill(with_vectors()) == 2);
  CHECK(fill(with_vectors("other")) == 5);
  Memory memory(in_folder(folder.path()), with_vectors("other"));
  memory.remember(said("s", "Bob", "the boat sank"));
  CHECK(memory.recall("dog boat").hits.size() == 4);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("With a slow embedder a store opens soon, and writes bring what is missing") {
  constexpr int kTurns = 30;
  const TempDir folder;
  {
    Memory memory(in_folder(folder.path()));
    for (int i = 0; i < kTurns; ++i) memory.remember(said("s", "Ann", "boat " + std::to_string(i)));
  }
  Ports slow = with_vectors();
  slow.embed = [](std::string_view text) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return embed(text);
  };
  Memory memory(in_folder(folder.path()), slow);
  CHECK(memory.stats().vectors > 0);
  CHECK(memory.stats().vectors < kTurns);
  int writes = 0;
  while (memory.stats().vectors < memory.stats().turns && writes < 2 * kTurns) {
    memory.remember(said("s", "Ann", "tent " + std::to_string(writes++)));
  }
  CHECK(memory.stats().vectors == memory.stats().turns);
  CHECK(memory.recall("boat").hits.size() == static_cast<size_t>(memory.stats().turns));
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("verify finds a vector that is not what its turn gives") {
  const TempDir folder;
  {
    Memory memory(in_folder(folder.path()), with_vectors());
    memory.remember(said("s", "Ann", "finally got that puppy"));
    CHECK(memory.verify().problems.empty());
  }
  run_sql(folder.path(), "UPDATE embedding SET vector = substr(vector, 1, 20)");
  Memory memory(in_folder(folder.path()), with_vectors());
  CHECK(memory.verify().problems.size() == 1);
}

TEST_CASE("A store of the first format is migrated with all it holds", "[sqlite]") {
  const TempDir folder;
  { Memory(in_folder(folder.path())).remember(said("s", "Ann", "hello there, my puppy is Rex")); }
  run_sql(folder.path(),
          "DROP TABLE embedding; DROP TABLE embedder; DROP TABLE fact;"
          "DROP TABLE amendment; DROP TABLE pause; DROP TABLE foresight;"
          "DROP TABLE profile_item; DROP TABLE scene_note;"
          "ALTER TABLE turn DROP COLUMN said_offset;"
          "DELETE FROM meta WHERE key = 'facts_missing'; PRAGMA user_version = 1");
  Memory memory(in_folder(folder.path()), with_vectors());
  CHECK(memory.stats().format > 1);
  CHECK(memory.stats().vectors == 1);
  CHECK(memory.stats().facts == 1);
  CHECK(memory.recall("hello").hits.size() == 1);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("Facts of a store of an older format are read anew", "[sqlite]") {
  const TempDir folder;
  { Memory(in_folder(folder.path())).remember(said("s", "Ann", "hello there, my puppy is Rex")); }
  run_sql(folder.path(), "DROP TABLE profile_item; DROP TABLE scene_note;"
                         "UPDATE fact SET value = 'stale'");
  const std::string format = GENERATE("5", "6");
  if (format == "5") {
    run_sql(folder.path(), "ALTER TABLE turn DROP COLUMN said_offset; DROP INDEX fact_open");
  }
  run_sql(folder.path(), "PRAGMA user_version = " + format);
  Memory memory(in_folder(folder.path()));
  CHECK(memory.stats().format == kStoreFormat);
  CHECK(memory.facts({.scope = memory.scope()}, 10).at(0).value == "Rex");
  CHECK(memory.profile({.scope = memory.scope()}).empty());
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("An embedder of sentences is asked in the first person, a table without the name") {
  std::string asked;
  Ports ports = with_vectors();
  ports.embed = [&](std::string_view text) {
    asked = text;
    return embed(text);
  };
  const auto asked_for = [&](bool of_sentences) {
    ports.embeds_sentences = of_sentences;
    Memory memory(in_memory(), ports);
    memory.remember(said("s", "Ann", "my dog barks"));
    memory.remember(said("s", "Ben Lee", "the boat leaks"));
    memory.recall("Does Ann like Ann's hound and Ben Lee?", {});
    return asked;
  };
  CHECK(asked_for(true) == "does I like my hound and I ");
  CHECK(asked_for(false) == "does like hound and ");
}

TEST_CASE("Behind the first twenty turns the nearest statement of one counts") {
  Ports ports = with_vectors();
  ports.embed = [](std::string_view text) {
    std::vector<float> vector = embed(text);
    float square = 0;
    for (const float value : vector) square += value * value;
    for (float& value : vector) value /= square > 0 ? std::sqrt(square) : 1.0f;
    return vector;
  };
  Memory memory(in_memory(), ports);
  for (int i = 0; i < 20; ++i) {
    memory.remember(said("s" + std::to_string(i), "Ann", "that hound barks"));
  }
  const std::string chores = "We painted every fence. Then somebody mended that barn roof";
  memory.remember(said("t", "Ann", chores + ". My puppy."));
  memory.remember(said("u", "Ann", chores + ". Got a puppy."));
  memory.remember(said("v", "Ann", chores + "."));
  const std::vector<Hit> hits = memory.recall("hound").hits;
  REQUIRE(hits.size() == 23);
  const auto statement = [&](size_t i) {
    const auto found = hits[i].reasons.find("statement");
    return found != hits[i].reasons.end() ? found->second : 0.0;
  };
  CHECK(statement(19) == 0);
  CHECK(hits[20].session == "u");
  CHECK(hits[20].score >= hits[21].score);
  CHECK(statement(20) > statement(21) + 0.1);
  CHECK(statement(20) > statement(22) + 0.1);
}
