// What is particular to the store on a server. Everything else about it is tested by running this
// program with CORVID_TEST_STORE=postgres (see support.cc).

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include "memory/memory.h"
#include "memory/store.h"
#include "memory/stores/support/postgres_db.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/json.h"
#include "tests/memory/support.h"
#include "tests/support/postgres_server.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

// A database of its own on the private server.
class Hosted {
 public:
  static bool is_possible() {
    if (test::PostgresServer::get() != nullptr) return true;
    WARN("SKIP: " << test::PostgresServer::missing());
    return false;
  }
  explicit Hosted(const std::string& name) : name_("hosted_" + name) {
    server().make_database(name_);
  }
  ~Hosted() { server().sql("postgres", "DROP DATABASE " + name_ + " WITH (FORCE)"); }
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;

  test::PostgresServer& server() const { return *test::PostgresServer::get(); }
  std::string sql(const std::string& statement) const { return server().sql(name_, statement); }
  std::string url(const std::string& role = "corvid") const { return server().url(name_, role); }
  MemoryConfig config(const std::string& tenant = "") const {
    MemoryConfig config;
    config.location = url();
    config.durability = Durability::normal;
    config.scope.tenant = tenant;
    return config;
  }

 private:
  std::string name_;
};

Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return {Code::device, "no error"};
}

// Texts that are hard to cut into words alike.
std::vector<std::string> hard_texts() {
  std::vector<std::string> all = {
      "Don't panic: it's 3.14, isn't it? e-mail me at a.b@c.de",
      "running runs ran runner; flies flying flied; relational conditional",
      "Caf\xc3\xa9 na\xc3\xafve \xc3\x85ngstr\xc3\xb6m Stra\xc3\x9f\x65 \xe2\x84\xab",
      "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97 \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82"
      " \xce\x95\xce\xbb\xce\xbb\xce\xac\xcf\x82 \xf0\x9f\x98\x80 x\xc2\xb2 \xef\xac\x81sh",
      "src/parser/json_reader.cc:120: error E0432 in std::vector<int>::at()",
      "it''s \"quoted\" \\ back\\slash {1,2,3} & | ! <-> :* 'a':1A",
      std::string(3000, 'z') + " " + std::string(3000, 'z') + "y",
      "the the the the fox the the", "",
      "a a a a a", "\xe2\x80\x94" "dash\xe2\x80\x94" "dash\xe2\x80\x94 soft\xc2\xadhyphen"};
  std::string many;  // more words than a tsvector has positions for, one of them all over
  for (int i = 0; i < 9000; ++i) many += "the w" + std::to_string(i % 700) + " ";
  all.push_back(many);
  std::mt19937 random(11);
  for (int i = 0; i < 150; ++i) {
    std::string text;
    for (int k = 0; k < 30; ++k) {
      static constexpr const char* kParts[] = {"re", "ing", "ation", "'", " ", " ", "\xc3\xa4",
                                               "8", "-", "ly", "un", "s", ".", "\xcc\x81", "K"};
      text += kParts[random() % std::size(kParts)];
    }
    all.push_back(text);
  }
  return all;
}

std::string counts_of(const Store& store, const std::string& term) {
  std::string out;
  for (const TermCount& hit : store.match(term)) {
    out += std::to_string(hit.turn) + "x" + std::to_string(hit.count) + " ";
  }
  return out;
}

void tell_texts(Store& store) {
  store.write([&] {
    const ScopeId scope = store.put_scope({});
    const SessionRow session = store.put_session(scope, "s", SessionKind::chat);
    for (const std::string& text : hard_texts()) {
      Turn turn;
      turn.scope = scope;
      turn.session_key = session.key;
      turn.text = text;
      store.add_turn(turn);
    }
  });
}

// Writes `count` turns from each of several processes; false when one of them failed.
bool write_in_processes(const MemoryConfig& config, int processes, int count) {
  std::vector<pid_t> children;
  for (int p = 0; p < processes; ++p) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    try {
      Memory memory(config);
      for (int i = 0; i < count; ++i) {
        const std::string word = "p" + std::to_string(p) + "n" + std::to_string(i);
        memory.remember(said("s" + std::to_string(p % 2), "Ann", "parcel " + word));
        if (memory.recall(word, {.limit = 1}).hits.empty()) ::_exit(2);
      }
      ::_exit(0);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }
  bool is_fine = true;
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    is_fine &= status == 0;
  }
  return is_fine;
}

}  // namespace

TEST_CASE("Both kinds of store find the same words as often in the same turns", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("words");
  const auto lite = make_store(":memory:", Durability::normal);
  const auto big = make_store(hosted.url(), Durability::normal);
  tell_texts(*lite);
  tell_texts(*big);
  std::set<std::string> terms;
  for (const std::string& text : hard_texts()) terms.insert(text);
  for (const std::string term :
       {"the", "run", "RUNNING", "don't", "isn't", "a a", "the the", "the fox", "w1 the w2", "dash",
        "cafe", "strasse", "angstrom", "json_reader", "E0432", "*", "' OR 1=1", "fox:*",
        "fox & the", "\"", "\xff", "softhyphen", "soft hyphen", "w699", "fish", "x2", "x"}) {
    terms.insert(term);
  }
  size_t found = 0;
  for (const std::string& text : hard_texts()) {
    for (size_t at = 0; at < std::min<size_t>(text.size(), 200);) {
      const size_t end = std::min(text.find(' ', at), text.size());
      terms.insert(text.substr(at, end - at));
      at = end + 1;
    }
  }
  for (const std::string& term : terms) {
    INFO(term);
    const std::string expected = counts_of(*lite, term);
    found += !expected.empty();
    REQUIRE(counts_of(*big, term) == expected);
  }
  CHECK(found > 300);
  CHECK(big->verify().empty());
}

TEST_CASE("A long answer comes in pages, and the visitor may ask meanwhile", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("pages");
  const auto store = make_store(hosted.url(), Durability::normal);
  tell_texts(*store);
  const int64_t told = store->stats().turns;
  hosted.sql(
      "SET corvid.tenant_id = '1'; INSERT INTO turn SELECT 1, n, 1, 1, n, NULL, 'user', 'Ann', '',"
      " 5, n, n, 'filler ' || n, 9, '', 2, 0, 0, '' FROM generate_series(1001, 10000) n");
  store->write([&] { store->make_index_anew(); });
  const std::vector<ScopeId> scopes = store->all_scopes();
  int64_t seen = 0;
  TurnId last = 0;
  store->for_each_turn(scopes, 0, [&](const TurnSummary& turn) {
    CHECK(turn.id > last);
    last = turn.id;
    if (++seen % 4500 == 0) {
      int64_t within = 0;
      store->for_each_text(scopes, [&](const Turn& one) { within += one.id > 0; });
      CHECK(within == told + 9000);
      CHECK(store->turn(turn.id).has_value());
    }
  });
  CHECK(seen == told + 9000);
  CHECK(store->match("filler").size() == 9000);
  CHECK(store->match("filler 9000").size() == 1);
  const auto give_up = [](const TurnSummary&) { fail(Code::io, "enough"); };
  CHECK_THROWS_AS(store->for_each_turn(scopes, 0, give_up), Error);
  CHECK(store->match("filler").size() == 9000);
  CHECK(store->verify().empty());
}

TEST_CASE("Both kinds of store give the same answers and the same export", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("same"), other("other");
  const TempDir folder;
  Ports ports;
  ports.now = [] { return parse_time("2026-05-01"); };
  Memory lite({.location = ":memory:"}, ports);
  Memory big(hosted.config(), ports);
  const auto exported = [](const Memory& memory) {
    std::string out;
    memory.export_lines([&](std::string_view line) { out.append(line).append("\n"); });
    return out;
  };
  const auto take = [&](Memory& memory, const std::string& lines) {
    write_file_atomic(folder.path() / "export.jsonl", lines);
    memory.import_export(folder.path() / "export.jsonl");
  };
  for (Memory* memory : {&lite, &big}) {
    for (int i = 0; i < 60; ++i) {
      const std::string day = "2026-03-" + std::to_string(10 + i / 6) + "T10:0" +
                              std::to_string(i % 6);
      memory->remember(said("s" + std::to_string(i % 3), i % 2 == 0 ? "Ann" : "Bo",
                            "On day " + std::to_string(i) + " the staging port is " +
                                std::to_string(8000 + i) + " and we don't ship the parcel",
                            day, "e" + std::to_string(i)));
    }
    memory->remember(said("s1", "Ann", "I'm going to renew the passport by Friday", "2026-03-20"));
    memory->forget(memory->find_to_forget({.ids = {"t7", "t8"}}, {.scope = memory->scope()}), "");
    memory->edit("t9", "the staging port was 9999 on that day");
  }
  for (const std::string question : {"which port does staging use", "Ann parcel", "don't ship",
                                     "what does Ann plan", "day 41 port", "passport"}) {
    Recall of_lite = lite.recall(question);
    Recall of_big = big.recall(question);
    of_lite.ms = of_big.ms = 0;
    CHECK(dump_json(to_json(of_lite)) == dump_json(to_json(of_big)));
  }
  // There and back again.
  const std::string bytes = exported(lite);
  Memory copy(other.config(), ports);
  take(copy, bytes);
  CHECK(exported(copy) == bytes);
  Memory back({.location = ":memory:"}, ports);
  take(back, exported(copy));
  CHECK(exported(back) == bytes);
  CHECK(copy.verify().problems.empty());
  CHECK(copy.remember(said("s1", "Ann", "one more")).id ==
        back.remember(said("s1", "Ann", "one more")).id);
}

TEST_CASE("Row security keeps tenants of one database apart", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("tenants");
  Memory mine(hosted.config("mine")), theirs(hosted.config("theirs"));
  mine.remember(said("s", "Ann", "the vault code is 4711"));
  const Recall before = mine.recall("vault code");
  for (int i = 0; i < 20; ++i) theirs.remember(said("s", "Ann", "the vault code is unknown"));
  // Ids, counts and audit are each tenant's own.
  CHECK(mine.stats().turns == 1);
  CHECK(theirs.turn(1)->text == "the vault code is unknown");
  CHECK(theirs.stats().turns == 20);
  CHECK(mine.recall("vault code").hits.front().score == before.hits.front().score);
  CHECK(mine.remember(said("s", "Ann", "the second one")).id == 2);
  CHECK(theirs.verify().problems.empty());
  // It is the server that holds them apart, in every table, without any condition of ours.
  PostgresDb raw(hosted.url(), false);
  raw.execute("SET corvid.tenant_id = '1'");
  const auto count = [&](const std::string& table) {
    PostgresStatement rows(raw, "SELECT count(*) FROM " + table);
    rows.step();
    return rows.integer(0);
  };
  for (const char* table : {"turn", "session", "scope", "segment", "source", "event"}) {
    INFO(table);
    const std::string all = hosted.sql(std::string("SELECT count(*) FROM ") + table);
    CHECK(count(table) < std::stoll(all));
    CHECK(count(table) > 0);
  }
  CHECK_THROWS_AS(raw.execute("INSERT INTO pause(tenant_id, scope_id, since) VALUES(2, 0, 0)"),
                  Error);
  raw.execute("UPDATE turn SET text = 'changed' WHERE tenant_id = 2");
  CHECK(theirs.turn(1)->text == "the vault code is unknown");
  // An export names its tenant.
  const TempDir folder;
  std::string lines;
  mine.export_lines([&](std::string_view line) { lines.append(line).append("\n"); });
  write_file_atomic(folder.path() / "export.jsonl", lines);
  Memory third(hosted.config("third"));
  CHECK(error_of([&] { third.import_export(folder.path() / "export.jsonl"); }).code() ==
        Code::invalid);
  CHECK(third.stats().turns == 0);
}

TEST_CASE("A role that row security does not bind is refused", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("super");
  const Error error = error_of([&] { make_store(hosted.url("postgres"), Durability::normal); });
  CHECK(error.code() == Code::denied);
  CHECK(std::string(error.what()).find("CREATE ROLE") != std::string::npos);
  CHECK(hosted.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'corvid'") == "0\n");
}

TEST_CASE("An older layout is migrated, a newer one and a foreign schema are left as they were",
          "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("layout");
  { Memory(hosted.config()).remember(said("s", "Ann", "The port of our server is 8080.")); }
  hosted.sql("UPDATE layout SET version = 99");
  CHECK(error_of([&] { Memory memory(hosted.config()); }).code() == Code::unsupported);
  hosted.sql("UPDATE layout SET version = 1; ALTER TABLE fact DROP COLUMN key_hash;"
             " ALTER TABLE turn DROP COLUMN said_offset;"

             " DROP TABLE profile_item; DROP TABLE scene_note");
  {
    Memory memory(hosted.config());
    memory.remember(said("s2", "Ann", "The port of our server is 9090.", "2026-04-01"));
    const std::vector<Hit> hits = memory.recall("port of our server").hits;
    REQUIRE(hits.size() == 2);
    CHECK(hits[1].superseded_by == hits[0].id);
  }
  hosted.sql("UPDATE layout SET version = 3; DROP TABLE corvid.profile_item;"
             " DROP TABLE corvid.scene_note; UPDATE corvid.meta SET value = '0' WHERE key ="
             " 'facts_missing'; UPDATE corvid.fact SET value = 'stale'");
  CHECK(Memory(hosted.config()).verify().problems.empty());
  hosted.sql("DROP SCHEMA corvid CASCADE; CREATE SCHEMA corvid; CREATE TABLE corvid.x(y int)");
  CHECK(error_of([&] { Memory memory(hosted.config()); }).code() == Code::corrupt);
}

TEST_CASE("No error of the server's store shows the password", "[postgres]") {
  for (const std::string url :
       {"postgresql://ann:s3cr3t-pw@127.0.0.1:1/db", "postgresql://ann:s3cr3t-pw%zz@host/db",
        "postgresql://ann@127.0.0.1:1/db?password=s3cr3t-pw",
        "postgresql://ann:s3cr3t-pw@127.0.0.1:port/db",
        "postgresql://127.0.0.1:1/db?nonsense=s3cr3t-pw"}) {
    const Error error = error_of([&] { make_store(url, Durability::normal); });
    INFO(error.what());
    CHECK(error.code() != Code::device);
    CHECK(std::string(error.what()).find("s3cr3t") == std::string::npos);
  }
}

TEST_CASE("A lost connection is one clear error, and the next call connects again", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("lost");
  Memory memory(hosted.config());
  memory.remember(said("s", "Ann", "the lamp is red"));
  CHECK(memory.recall("lamp").hits.size() == 1);
  const std::string kick = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE usename = 'corvid'";
  hosted.sql(kick);
  const Error writing = error_of([&] { memory.remember(said("s", "Ann", "the lamp is blue")); });
  CHECK(writing.code() == Code::io);
  CHECK(std::string(writing.what()).find("was lost") != std::string::npos);
  CHECK(error_of([&] { memory.recall("lamp"); }).code() == Code::io);
  CHECK(memory.remember(said("s", "Ann", "the lamp is green")).outcome == Written::stored);
  CHECK(memory.recall("lamp").hits.size() == 2);
  // The server itself goes away and comes back.
  hosted.server().stop();
  CHECK(error_of([&] { memory.recall("lamp"); }).code() == Code::io);
  const Error gone = error_of([&] { memory.recall("lamp"); });
  CHECK(std::string(gone.what()).find("does not answer") != std::string::npos);
  hosted.server().start();
  CHECK(memory.recall("lamp").hits.size() == 2);
  CHECK_THROWS_AS(memory.remember(said("s", "Ann", "lost")), Error);
  CHECK(memory.remember(said("s", "Ann", "the lamp is white")).outcome == Written::stored);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A writer that waits too long for another one is told that the store is locked",
          "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("locked");
  hosted.server().sql("postgres", "ALTER DATABASE hosted_locked SET lock_timeout = '300ms'");
  Memory memory(hosted.config());
  memory.remember(said("s", "Ann", "the lamp is red"));
  {
    const auto other = make_store(hosted.url(), Durability::normal);
    other->try_out([&] {
      CHECK(error_of([&] { memory.remember(said("s", "Ann", "two")); }).code() == Code::timeout);
      CHECK(memory.recall("lamp").hits.size() == 1);  // readers do not wait
      // Another tenant does not wait either.
      CHECK(Memory(hosted.config("other")).remember(said("s", "Ann", "x")).outcome ==
            Written::stored);
    });
  }
  CHECK(memory.remember(said("s", "Ann", "two")).outcome == Written::stored);
}

TEST_CASE("Several processes write and read one server's store at once", "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("processes");
  CHECK(write_in_processes(hosted.config(), 5, 25));  // the first to come makes the tables
  const Memory memory(hosted.config());
  CHECK(memory.stats().turns == 5 * 25);
  CHECK(memory.stats().scopes == 1);
  CHECK(memory.stats().sessions == 2);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("What somebody's older view may still see is erased by the next forgetting",
          "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("scrub");
  hosted.server().sql("postgres", "ALTER DATABASE hosted_scrub SET lock_timeout = '300ms'");
  Memory memory(hosted.config());
  memory.remember(said("s", "Ann", "the code is quokka-7731"));
  memory.remember(said("s", "Ann", "the lamp is red"));
  const auto bytes = [&] { return hosted.server().bytes_of("hosted_scrub"); };
  CHECK(bytes().find("quokka") != std::string::npos);
  {
    PostgresDb other(hosted.url(), false);
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
    CHECK_FALSE(memory.forget(memory.find_to_forget({.ids = {"t1"}}, {.scope = memory.scope()}), "")
                    .file_is_clean);
    other.roll_back();
  }
  { Memory again(hosted.config()); }  // finishes when opened
  CHECK(bytes().find("quokka") == std::string::npos);
  CHECK(bytes().find("lamp") != std::string::npos);
}

TEST_CASE("verify finds words that lie, and a chain that was changed, on a server too",
          "[postgres]") {
  if (!Hosted::is_possible()) return;
  const Hosted hosted("verify");
  Memory memory(hosted.config());
  memory.remember(said("s", "Ann", "the fox sleeps"));
  memory.remember(said("s", "Ann", "the owl wakes"));
  CHECK(memory.verify().problems.empty());
  hosted.sql("UPDATE word SET lexemes = lexemes || '''1/ghost'''::tsvector WHERE turn_id = 1");
  CHECK(memory.verify().problems.size() == 1);
  hosted.sql("INSERT INTO word VALUES(1, 77, '''1/ghost'''::tsvector, NULL)");
  CHECK(memory.verify().problems.size() == 2);
  memory.rebuild();
  CHECK(memory.verify().problems.empty());
  hosted.sql("UPDATE event SET actor = 'nobody' WHERE id = 1");
  const std::vector<std::string> problems = memory.verify().problems;
  REQUIRE_FALSE(problems.empty());
  CHECK(problems.front().find("events") != std::string::npos);
}
