#include <catch2/catch.hpp>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/compaction.h"
#include "runtime/session.h"
#include "runtime/token_log.h"

using namespace corvid;
using namespace corvid::runtime;

namespace {

Time fixed_time() { return parse_time("2026-03-04T05:06:07.008Z"); }

}  // namespace

TEST_CASE("every kind of event survives a line of JSON") {
  const std::vector<EventBody> bodies = {
      SessionStarted{1, "id", "/w", "task \"quoted\"\n", "{\"a\":1}", "none", "other", {"shell"}},
      MessageAdded{{Role::assistant, "text", {{"call_1", "shell", "{\"command\":\"x\"}"}}, ""}},
      TurnEnded{3, {10, 20, 30, 40}, "main"},
      ActionDecided{"call_1", "shell", "{}", "deny", "why"},
      ToolFinished{"call_1", "shell", true, 7, "diff", 12, "{}"},
      CallInterrupted{"call_1"},
      SnapshotTaken{2, "abc", {"big (1 bytes)"}, true},
      CheckRan{"verify", "make", 2, true, "out\x01", 5, {".venv/a"}},
      AttemptStarted{"c1"},
      AttemptEnded{"failed", "d", {1, 2, 3, 0}},
      Resumed{{"a", "b"}, "tree"},
      WorkspaceRestored{"tree", "undo", 4},
      RunEnded{"{}"},
      Compacted{"window", "outputs", {"call_1"}, "summary", "plan", 3, 100, 50, {1, 2, 3, 4}}};
  CHECK(bodies.size() == std::variant_size_v<EventBody>);
  for (const EventBody& body : bodies) {
    const Event event{7, fixed_time(), 2, body};
    const std::string line = event_to_line(event);
    CHECK(line.find('\n') == std::string::npos);
    const Event again = event_from_line(line);
    CHECK(event_to_line(again) == line);
    CHECK(again.body.index() == body.index());
    CHECK(again.attempt == 2);
  }
  CHECK_THROWS_AS(event_from_line(R"({"type":"no_such","at":"2026-01-01","seq":0})"), Error);
}

TEST_CASE("a session of a newer format is refused, and listed as such") {
  const TempDir dir;
  std::string id;
  {
    const auto session = Session::create(dir.path(), fixed_time);
    id = session->id();
    session->append(SessionStarted{kSessionFormat + 1, id, "/w", "t", "{}", ""});
  }
  const auto code_of = [](const auto& action) {
    try {
      action();
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("newer") != std::string::npos);
      return error.code();
    }
    return Code::io;
  };
  CHECK(code_of([&] { Session::open(dir.path(), id, fixed_time); }) == Code::unsupported);
  CHECK(code_of([&] { read_events(dir.path() / id / "events.jsonl"); }) == Code::unsupported);
  CHECK(list_sessions(dir.path()).at(0).status == "newer");
}

TEST_CASE("a torn tail is cut off on open, and the log goes on after it") {
  const TempDir dir;
  std::string id;
  {
    const auto session = Session::create(dir.path(), fixed_time);
    id = session->id();
    session->append(SessionStarted{1, id, "/w", "t", "{}", ""});
    session->append(TurnEnded{1, {}, "main"});
    session->append_tokens({"main", 0, {1, 2, 3}, {3}});
  }
  const auto log = dir.path() / id / "events.jsonl";
  const std::string whole = read_file(log);
  write_file_atomic(log, whole + "{\"type\":\"turn_en");
  {
    const auto session = Session::open(dir.path(), id, fixed_time);
    CHECK(session->events().size() == 2);
    CHECK(session->token_log().at(0).tokens == std::vector<int32_t>{1, 2, 3});
    session->append(TurnEnded{2, {}, "main"});
  }
  CHECK(read_events(log).size() == 3);
  CHECK(read_events(log).back().sequence == 2);
}

TEST_CASE("a damaged line is an error that names file and line") {
  const TempDir dir;
  std::filesystem::create_directory(dir.path() / "s");
  write_file_atomic(dir.path() / "s" / "events.jsonl", "{}\n");
  CHECK_THROWS_WITH(Session::open(dir.path(), "s", fixed_time), Catch::Contains("line 1"));
}

TEST_CASE("a session is open in one place only") {
  const TempDir dir;
  const auto session = Session::create(dir.path(), fixed_time);
  CHECK_THROWS_WITH(Session::open(dir.path(), session->id(), fixed_time),
                    Catch::Contains("in use") || Catch::Contains("no session"));
}

TEST_CASE("calls without a result get one, and attempts keep to themselves") {
  std::vector<Event> events;
  const auto add = [&](Message message, int attempt) {
    events.push_back({int64_t(events.size()), fixed_time(), attempt, MessageAdded{message}});
  };
  add({Role::user, "task", {}, ""}, -1);
  add({Role::assistant, "", {{"1", "shell", "{}"}, {"2", "shell", "{}"}}, ""}, -1);
  add({Role::tool, "out", {}, "1"}, -1);
  add({Role::assistant, "mine", {}, ""}, 3);
  const auto shared = session_messages(events);
  REQUIRE(shared.size() == 4);
  CHECK(shared[3].call_id == "2");
  CHECK(shared[3].content.find("interrupted") != std::string::npos);
  CHECK(session_messages(events, 3).back().content == "mine");
}

TEST_CASE("sessions are found by a unique beginning") {
  const TempDir dir;
  for (const char* id : {"20260101-a", "20260102-b"}) {
    std::filesystem::create_directory(dir.path() / id);
    write_file_atomic(dir.path() / id / "events.jsonl", "");
  }
  CHECK(find_session(dir.path(), "20260101") == "20260101-a");
  CHECK(find_session(dir.path(), "") == "20260102-b");
  CHECK_THROWS_WITH(find_session(dir.path(), "2026"), Catch::Contains("ambiguous"));
  CHECK_THROWS_AS(find_session(dir.path(), "x"), Error);
}

namespace {

Event at(int64_t sequence, EventBody body, int attempt = -1) {
  return {sequence, fixed_time(), attempt, std::move(body)};
}

std::string texts(const std::vector<Message>& messages) {
  std::string text;
  for (const Message& message : messages) text += message.content + "|";
  return text;
}

}  // namespace

TEST_CASE("a rewind or an undo takes the conversation back to before the turn or the run") {
  std::vector<Event> events = {at(0, SessionStarted{1, "id", "/w", "one", "{}", ""}),
                               at(1, SnapshotTaken{0, "t0", {}, false}),
                               at(2, MessageAdded{{Role::user, "one", {}, ""}}),
                               at(3, TurnEnded{1, {10, 0, 5, 0}, "main"}),
                               at(4, MessageAdded{{Role::assistant, "reply 1", {}, ""}}),
                               at(5, MessageAdded{{Role::user, "more", {}, ""}}),
                               at(6, TurnEnded{2, {10, 0, 5, 0}, "main"}),
                               at(7, MessageAdded{{Role::assistant, "reply 2", {}, ""}})};
  CHECK(texts(session_messages(events)) == "one|reply 1|more|reply 2|");
  std::vector<Event> rewound = events;
  rewound.push_back(at(8, WorkspaceRestored{"t1", "rewind", 2}));
  CHECK(texts(session_messages(rewound)) == "one|reply 1|more|");
  rewound.push_back(at(9, TurnEnded{3, {1, 0, 5, 0}, "main"}));
  rewound.push_back(at(10, MessageAdded{{Role::assistant, "reply 3", {}, ""}}));
  CHECK(texts(session_messages(rewound)) == "one|reply 1|more|reply 3|");
  std::vector<Event> second = events;
  second.push_back(at(8, SessionStarted{1, "id", "/w", "two", "{}", ""}));
  second.push_back(at(9, SnapshotTaken{0, "t2", {}, false}));
  second.push_back(at(10, MessageAdded{{Role::user, "two", {}, ""}}));
  second.push_back(at(11, WorkspaceRestored{"t2", "undo", 0}));
  CHECK(texts(session_messages(second)) == "one|reply 1|more|reply 2|");
  second.push_back(at(12, WorkspaceRestored{"t2", "restore", 1}));  // files alone
  CHECK(texts(session_messages(second)) == "one|reply 1|more|reply 2|");
}

TEST_CASE("the token log follows what was cut and what was taken back") {
  const std::vector<EvaluatedTokens> log = {{"main", 0, {1, 2, 3, 4}, {4}},
                                            {"main", 4, {5, 6}, {1, 1}},
                                            {"main.s1", 6, {7, 8}, {2}},
                                            {"main", 2, {30, 40, 50}, {3}},
                                            {"main", 5, {60, 70}, {2}}};
  const Event first = at(0, TurnEnded{1, {4, 0, 2, 0}, "main"});
  Compacted cut;
  cut.step = "outputs";
  cut.tokens_after = 5;
  const Event compacted = at(1, cut);
  const auto joined = [&](const std::vector<Event>& events) {
    const auto kept = counted_tokens(log, events);
    return kept.empty() ? EvaluatedTokens{} : kept[0];
  };
  // The last two tokens belong to a turn that was cut off.
  const EvaluatedTokens all = joined({first, compacted});
  CHECK(all.tokens == std::vector<int32_t>{1, 2, 30, 40, 50});
  CHECK(all.segments == std::vector<int32_t>{2, 3});
  const EvaluatedTokens more = joined({first, compacted, at(2, TurnEnded{2, {1, 5, 1, 0}, "main"})});
  CHECK(more.tokens.size() == 7);
  const EvaluatedTokens back = joined({first, compacted, at(2, TurnEnded{2, {1, 5, 1, 0}, "main"}),
                                       at(3, WorkspaceRestored{"t", "rewind", 2})});
  CHECK(back.tokens == all.tokens);
}

TEST_CASE("what a compaction leaves out is named; the person's words and the plan stay") {
  const std::string long_text(3000, 'x');
  const std::vector<Message> messages = {
      {Role::user, "the task", {}, ""},
      {Role::assistant, "", {{"call_1", "shell", "{}"}}, ""},
      {Role::tool, long_text, {}, "call_1"},
      {Role::user, "a nudge", {}, "", true},
      {Role::user, "and be quick", {}, ""},
      {Role::assistant, "", {{"call_2", "shell", "{}"}}, ""},
      {Role::tool, "short", {}, "call_2"}};
  Compacted outputs;
  outputs.step = "outputs";
  outputs.calls = {"call_1"};
  const std::vector<Message> less = compacted_messages(messages, outputs);
  REQUIRE(less.size() == messages.size());
  CHECK(less[2].content.find("3000 bytes; read_file output:call_1") != std::string::npos);
  CHECK(less[6].content == "short");
  Compacted summary;
  summary.step = "summary";
  summary.summary = "it was long";
  summary.plan = "[ ] go on";
  summary.kept = 3;
  const std::vector<Message> cut = compacted_messages(messages, summary);
  REQUIRE(cut.size() == 5);
  CHECK(cut[0].content == "the task");
  CHECK(cut[1].content == "and be quick");
  CHECK(cut[2].is_note);
  CHECK(cut[2].content.find("it was long") != std::string::npos);
  CHECK(cut[2].content.find("[ ] go on") != std::string::npos);
  CHECK(cut[3].calls.at(0).id == "call_2");
  CHECK(cut[4].call_id == "call_2");
}
