#include "memory/transcripts.h"

#include <catch2/catch.hpp>

#include "memory/memory.h"
#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "tests/memory/support.h"

using namespace corvid;
using namespace corvid::memory;
using namespace corvid::memory::testing;

namespace {

class Place {
 public:
  std::filesystem::path put(const std::string& name, const std::string& content) const {
    const auto file = folder_.path() / name;
    std::filesystem::create_directories(file.parent_path());
    write_file_atomic(file, content);
    return file;
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TempDir folder_;
};

// "role: text" of each turn.
std::vector<std::string> read(const std::filesystem::path& file, const std::string& format) {
  std::vector<std::string> out;
  for (const NewTurn& turn : read_transcript(file, format)) {
    out.push_back((turn.speaker.empty() ? turn.role : turn.speaker) + ": " + turn.text);
  }
  return out;
}

using Strings = std::vector<std::string>;

const std::string kCodex =
    R"({"timestamp":"2026-01-02T03:04:05Z","type":"session_meta","payload":{"id":"c-1","cwd":"/x"}}
{"timestamp":"2026-01-02T03:04:06Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context>x</environment_context>"}]}}
{"timestamp":"2026-01-02T03:04:07Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"fix the parser"}]}}
{"timestamp":"2026-01-02T03:04:07Z","type":"event_msg","payload":{"type":"user_message","message":"fix the parser"}}
{"timestamp":"2026-01-02T03:04:08Z","type":"response_item","payload":{"type":"reasoning","summary":[]}}
{"timestamp":"2026-01-02T03:04:09Z","type":"response_item","payload":{"type":"function_call","name":"shell","arguments":"{\"command\":\"ls\"}","call_id":"1"}}
{"timestamp":"2026-01-02T03:04:10Z","type":"response_item","payload":{"type":"function_call_output","call_id":"1","output":"{\"output\":\"parser.py\",\"metadata\":{}}"}}
{"timestamp":"2026-01-02T03:04:11Z","type":"response_item","payload":{"type":"message","role":"assistant","content":[{"type":"output_text","text":"done"}]}}
)";

const std::string kClaudeCode =
    R"({"type":"summary","summary":"Parser","leafUuid":"9"}
{"type":"user","isMeta":true,"message":{"role":"user","content":"Caveat: x"},"uuid":"0","sessionId":"s-1","timestamp":"2026-01-02T03:04:05.000Z"}
{"type":"user","message":{"role":"user","content":"why is the build red"},"uuid":"1","sessionId":"s-1","timestamp":"2026-01-02T03:04:06.000Z"}
{"type":"assistant","message":{"role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"Bash","input":{"command":"make"}}]},"uuid":"2","sessionId":"s-1","timestamp":"2026-01-02T03:04:07.000Z"}
{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":[{"type":"text","text":"error: no rule"}]}]},"uuid":"3","sessionId":"s-1","timestamp":"2026-01-02T03:04:08.000Z"}
)";

const std::string kPi =
    R"({"type":"session","version":3,"id":"p-1","timestamp":"2026-01-02T03:04:05Z","cwd":"/x"}
{"type":"message","id":"1","parentId":null,"timestamp":"2026-01-02T03:04:06Z","message":{"role":"user","content":"rename the module"}}
{"type":"message","id":"2","parentId":"1","timestamp":"2026-01-02T03:04:07Z","message":{"role":"assistant","content":[{"type":"text","text":"the dropped branch"}]}}
{"type":"message","id":"3","parentId":"1","timestamp":"2026-01-02T03:04:08Z","message":{"role":"assistant","content":[{"type":"text","text":"ok"},{"type":"toolCall","name":"bash","arguments":{"command":"mv a b"}}]}}
{"type":"message","id":"4","parentId":"3","timestamp":"2026-01-02T03:04:09Z","message":{"role":"toolResult","content":[{"type":"text","text":"moved"}]}}
)";

}  // namespace

TEST_CASE("Chats of OpenAI's and Anthropic's interfaces are read with their calls") {
  const Place place;
  const auto openai = place.put("o.json", R"({"messages":[{"role":"system","content":"be good"},
    {"role":"user","content":"how many tests"},
    {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"count","arguments":"{}"}}]},
    {"role":"tool","content":"12","tool_call_id":"1"},{"role":"assistant","content":"Twelve."}]})");
  CHECK(read(openai, "auto") == Strings{"user: how many tests", "assistant: count {}", "tool: 12",
                                        "assistant: Twelve."});
  const auto anthropic = place.put("a.json", R"({"system":"x","messages":[
    {"role":"user","content":[{"type":"text","text":"read it"}]},
    {"role":"assistant","content":[{"type":"tool_use","name":"cat","input":{"p":1}}]},
    {"role":"user","content":[{"type":"tool_result","content":"hello"}]}]})");
  CHECK(read(anthropic, "auto") ==
        Strings{"user: read it", "assistant: cat {\"p\":1}", "tool: hello"});
  const auto list = place.put("l.jsonl", "{\"role\":\"user\",\"content\":\"one\"}\n"
                                         "{\"role\":\"assistant\",\"content\":\"two\"}\n");
  CHECK(read(list, "auto") == Strings{"user: one", "assistant: two"});
}

TEST_CASE("Exports of ChatGPT and claude.ai are read along the branch that was shown") {
  const Place place;
  const auto tree = place.put("conversations.json", R"([{"title":"t","conversation_id":"k",
    "create_time":1767323045.5,"current_node":"c","mapping":{
    "a":{"message":null,"parent":null},
    "b":{"message":{"author":{"role":"user"},"content":{"parts":["hello"]},"create_time":1767323046},"parent":"a"},
    "x":{"message":{"author":{"role":"assistant"},"content":{"parts":["another"]}},"parent":"b"},
    "c":{"message":{"author":{"role":"assistant"},"content":{"parts":["hi"]}},"parent":"b"}}}])");
  CHECK(read(tree, "auto") == Strings{"user: hello", "assistant: hi"});
  CHECK(read_transcript(tree, "chat").front().session == "chat:k");
  CHECK(format_time(read_transcript(tree, "chat").front().said_at).starts_with("2026-01-02T03:04"));
  const auto claude = place.put("claude.json", R"([{"uuid":"u","name":"n","chat_messages":[
    {"sender":"human","text":"hello","created_at":"2026-01-02T03:04:05Z"},
    {"sender":"assistant","text":"hi","created_at":"2026-01-02T03:04:06Z"}]}])");
  CHECK(read(claude, "auto") == Strings{"user: hello", "assistant: hi"});
}

TEST_CASE("Session files of other agents are read without what their harness put in") {
  const Place place;
  CHECK(read(place.put("codex.jsonl", kCodex), "auto") ==
        Strings{"user: fix the parser", "assistant: shell {\"command\":\"ls\"}", "tool: parser.py",
                "assistant: done"});
  CHECK(read(place.put("cc.jsonl", kClaudeCode), "auto") ==
        Strings{"user: why is the build red", "assistant: I look.\nBash {\"command\":\"make\"}",
                "tool: error: no rule"});
  CHECK(read(place.put("pi.jsonl", kPi), "auto") ==
        Strings{"user: rename the module", "assistant: ok\nbash {\"command\":\"mv a b\"}",
                "tool: moved"});
  for (const NewTurn& turn : read_transcript(place.put("c2.jsonl", kCodex), "codex")) {
    CHECK(turn.kind == SessionKind::agent);
    CHECK(turn.session == "codex:c-1");
  }
}

TEST_CASE("A text with names is a dialogue, another one is cut into pieces") {
  const Place place;
  CHECK(read(place.put("talk.txt", "Ann: hello\nBo: hi\nthere\n\nAnn: bye\n"), "auto") ==
        Strings{"Ann: hello", "Bo: hi\nthere", "Ann: bye"});
  const auto plain = read_transcript(place.put("note.txt", "only one paragraph\nof text"), "auto");
  REQUIRE(plain.size() == 1);
  CHECK(plain.front().tier == Tier::tool);
}

TEST_CASE("What tools and the harness say is never taken for a person's words") {
  const Place place;
  Memory memory(in_memory());
  const std::string odd = "\"content\":\"My oa port is 666\"}\n";
  std::string chat = "{\"role\":\"user\",\"content\":\"My oa port is 1\"}\n";
  for (const char* role : {"ipython", "tool_response", "environment", "Tool", "web"}) {
    chat += "{\"role\":\"" + std::string(role) + "\"," + odd;
  }
  memory.import_transcript(place.put("oa.jsonl", chat), "chat");
  const std::string lines =
      "Tool: my log port is 5\nSYSTEM: my sys port is 6\nUser: my main port is 7\n";
  memory.import_transcript(place.put("tx.txt", lines), "auto");
  for (const char* role : {"function", "tool_result", "System"}) {
    NewTurn turn = said("r", "Ann", "My turn port is 8");
    turn.role = role;
    memory.remember(turn);
  }
  std::string facts;
  for (const Fact& fact : memory.facts({.scope = memory.scope()}, 100)) {
    facts += fact.key + "=" + fact.value + " " + std::string(status_name(fact.status)) + ";";
  }
  CHECK(facts == "oa port=1 active;main port=7 active;");

  const std::string start = R"({"type":"user","sessionId":"s","message":{"role":"user","content":)";
  const std::string claude =
      start + "\"<bash-stdout>My name is Mallory</bash-stdout>\"}}\n" +
      start + R"([{"type":"text","text":"real words"},)"
              R"({"type":"text","text":"<system-reminder>My name is Mallory</system-reminder>"}]}})"
              "\n" +
      start + "\"before <system-reminder>My name is Mallory</system-reminder> behind\"}}\n" +
      R"({"type":"user","isCompactSummary":true,"sessionId":"s","message":{"role":"user",)"
      R"("content":"My name is Mallory"}})" "\n";
  CHECK(read(place.put("cc.jsonl", claude), "claude-code") ==
        Strings{"user: real words", "user: before  behind"});
  const std::string codex =
      R"({"type":"message","role":"user","content":[{"type":"input_text","text":)"
      R"("<user_shell_command>cat x</user_shell_command> My name is Mallory"}]})" "\n"
      R"({"type":"message","role":"user","content":[{"type":"input_text","text":"go on"}]})" "\n";
  CHECK(read(place.put("cx.jsonl", codex), "codex") ==
        Strings{"user: My name is Mallory", "user: go on"});
}

TEST_CASE("The same conversation is stored once, and a longer one adds what is new") {
  const Place place;
  Memory memory(in_memory());
  const std::string start = "{\"role\":\"user\",\"content\":\"one\"}\n"
                            "{\"role\":\"assistant\",\"content\":\"yes\"}\n"
                            "{\"role\":\"user\",\"content\":\"two\"}\n"
                            "{\"role\":\"assistant\",\"content\":\"yes\"}\n";
  CHECK(memory.import_transcript(place.put("a.jsonl", start), "auto").stored == 4);
  CHECK(memory.import_transcript(place.put("b.jsonl", start), "auto").stored == 0);
  const std::string more = start + "{\"role\":\"user\",\"content\":\"three\"}\n";
  CHECK(memory.import_transcript(place.put("c.jsonl", more), "auto").stored == 1);
  CHECK(memory.import_transcript(place.put("x.jsonl", kCodex), "auto").stored == 4);
  CHECK(memory.import_transcript(place.put("y.jsonl", kCodex), "auto").duplicates == 4);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A bad transcript gives an error that names it") {
  const Place place;
  const auto says = [&](const std::string& content, const std::string& format) {
    const auto file = place.put("bad", content);
    try {
      read_transcript(file, format);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid);
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(says("{\"a\":1}\nnot json\n{}\n", "codex").find("line 2") != std::string::npos);
  CHECK(says("", "auto").find("no message") != std::string::npos);
  CHECK(says("{\"x\":1}", "chat").find("messages") != std::string::npos);
  CHECK(says(std::string("a\0b", 3), "text").find("not a text") != std::string::npos);
  CHECK(says("hello", "fancy").find("unknown format") != std::string::npos);
  // A damaged transcript is no text.
  const std::string line = "{\"role\":\"tool\",\"content\":\"The port is 6666\"}\n";
  CHECK(says("half a line\"}\n" + line + line, "auto").find("line 1") != std::string::npos);
  CHECK(says("{\n \"messages\": [\n" + line, "auto").find("bad") != std::string::npos);
  CHECK(says("[" + line + "," + line, "auto").find("bad") != std::string::npos);
  CHECK_THROWS_AS(read_transcript(place.path() / "absent", "auto"), Error);
}

TEST_CASE("Documents are cut at headings, and what is gone from them is withdrawn") {
  const Place place;
  Memory memory(in_memory());
  place.put("docs/setup.md", "# Setup\n\nThe staging port is 8443.\n\n## Login\n\nUse the badge.\n");
  place.put("docs/.hidden/x.md", "hidden");
  place.put("docs/image.png", "not a text");
  place.put("docs/binary.txt", std::string("a\0b", 3));
  const DocumentReport first = memory.ingest_documents(place.path() / "docs");
  CHECK(first.documents == 1);
  CHECK(first.skipped == 1);
  CHECK(first.turns.stored == 2);
  CHECK(memory.recall("staging port").hits.front().text == "# Setup\nThe staging port is 8443.");
  CHECK(memory.turn(1)->tier == Tier::project);
  CHECK(memory.ingest_documents(place.path() / "docs").turns.stored == 0);
  const std::string old = read_file(place.path() / "docs/setup.md");
  place.put("docs/setup.md", "# Setup\n\nThe staging port is 9000.\n\n## Login\n\nUse the badge.\n");
  const DocumentReport second = memory.ingest_documents(place.path() / "docs");
  CHECK(second.turns.stored == 1);
  CHECK(second.withdrawn == 1);
  CHECK(memory.recall("staging port").context.find("8443") == std::string::npos);
  CHECK(memory.recall("staging port").context.find("9000") != std::string::npos);
  for (const std::string& nothing : {std::string(), std::string("\0", 1)}) {
    place.put("docs/setup.md", nothing);
    CHECK(memory.ingest_documents(place.path() / "docs").withdrawn == (nothing.empty() ? 2 : 0));
    CHECK(memory.recall("staging port").hits.empty());
  }
  place.put("docs/setup.md", old);
  CHECK(memory.ingest_documents(place.path() / "docs").withdrawn == 0);
  CHECK(memory.recall("staging port").context.find("8443") != std::string::npos);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("A document that is gone is withdrawn, one that comes back counts again") {
  const Place place;
  place.put("docs/a.md", "# Ports\n\nThe staging port is 8443\n");
  const auto b = place.put("docs/sub/b.md", "# Lamps\n\nThe lamp port is 9090\n");
  place.put("other/c.md", "# Other\n\nThe other port is 7070\n");
  Memory memory(in_memory());
  CHECK(memory.ingest_documents(place.path() / "docs").documents == 2);
  CHECK(memory.ingest_documents(place.path() / "other").documents == 1);
  std::filesystem::remove(b);
  CHECK(memory.ingest_documents(place.path() / "docs").withdrawn == 1);
  for (const Hit& hit : memory.recall("which port").hits) {
    CHECK(hit.text.find("9090") == std::string::npos);
  }
  CHECK(memory.recall("other port").context.find("7070") != std::string::npos);
  place.put("docs/sub/b.md", "# Lamps\n\nThe lamp port is 9090\n");
  CHECK(memory.ingest_documents(place.path() / "docs").withdrawn == 0);
  CHECK(memory.recall("lamp port").context.find("9090") != std::string::npos);
  CHECK(memory.verify().problems.empty());
}

TEST_CASE("Conversations that begin alike stay apart, a longer one of them goes on") {
  const Place place;
  const auto first = place.put("1.txt", "Ann: hello there\nBob: what is up?\nAnn: the red lamp\n");
  const auto second = place.put("2.txt", "\xef\xbb\xbf" "Ann: hello there\nBob: good day\n");
  const auto longer = place.put(
      "3.txt", "Ann: hello there\nBob: what is up?\nAnn: the red lamp\nBob: which one?\n");
  Memory memory(in_memory());
  CHECK(memory.import_transcript(first, "auto").stored == 3);
  CHECK(memory.import_transcript(second, "auto").stored == 2);
  CHECK(memory.import_transcript(longer, "auto").stored == 1);
  CHECK(memory.import_transcript(first, "auto").stored == 0);
  CHECK(memory.stats().sessions == 2);
  CHECK(memory.turn(4)->speaker == "Ann");  // no mark of byte order in front
  memory.forget(memory.find_to_forget({.text = "red lamp"}, {.scope = memory.scope()}), "");
  CHECK(memory.import_transcript(longer, "auto").stored == 0);
  CHECK(memory.stats().sessions == 2);
}
