// suggest_edits and edit_file with a choice.

#include "tests/tools/tool_fixture.h"
#include "tools/support/file_tool.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

const char* const kSource = "def last(items):\n    n = len(items)\n    return items[n]\n";

EditCandidate candidate(const std::string& path, int line, const std::string& old_text,
                        const std::string& new_text) {
  return {.path = path, .line = line, .old_text = old_text, .new_text = new_text, .kind = "test"};
}

void offer_three(ToolFixture& fixture) {
  fixture.put("a.py", kSource);
  fixture.put("b.py", "x = 1");
  fixture.state.choices = {
      {"c1", candidate("a.py", 3, "    return items[n]", "    return items[n - 1]")},
      {"c2", candidate("a.py", 2, "", "    items = list(items)")},
      {"c3", candidate("b.py", 1, "x = 1", "x = 2")},
      {"c4", candidate("a.py", 2, "    n = len(items)", "")}};
}

}  // namespace

TEST_CASE("A choice is applied, and applying another takes it back first") {
  ToolFixture fixture;
  offer_three(fixture);
  const ToolResult first = fixture.call("edit_file", {{"choice", "c1"}});
  const std::string diff = "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n def last(items):\n"
                           "     n = len(items)\n-    return items[n]\n+    return items[n - 1]\n";
  CHECK(first.text == "applied c1 to a.py:3\n" + diff);
  CHECK(first.diff == diff);
  CHECK(fixture.state.applied == "c1");
  CHECK(fixture.get("a.py") == "def last(items):\n    n = len(items)\n    return items[n - 1]\n");
  CHECK(fixture.call("edit_file", {{"choice", "c1"}}).text == "c1 is applied already");

  const ToolResult second = fixture.call("edit_file", {{"choice", "c2"}});
  CHECK(second.text == "took back c1\napplied c2 to a.py:2\n--- a/a.py\n+++ b/a.py\n"
                       "@@ -1,3 +1,4 @@\n"
                       " def last(items):\n+    items = list(items)\n     n = len(items)\n"
                       "     return items[n]\n");
  CHECK(second.diff.find("-    return items[n - 1]") != std::string::npos);  // the whole change

  const ToolResult third = fixture.call("edit_file", {{"choice", "c3"}});
  CHECK(third.text.starts_with("took back c2\napplied c3 to b.py:1\n"));
  CHECK(fixture.get("a.py") == kSource);
  CHECK(fixture.get("b.py") == "x = 2");

  CHECK_FALSE(fixture.call("edit_file", {{"choice", "c4"}}).is_error);
  CHECK(fixture.get("a.py") == "def last(items):\n    return items[n]\n");
  CHECK(fixture.get("b.py") == "x = 1");
  CHECK(fixture.state.tried == std::set<std::string>{"c1", "c2", "c3", "c4"});
  fixture.call("edit_file", {{"choice", "c1"}});  // a deleted line comes back
  CHECK(fixture.get("a.py") == "def last(items):\n    n = len(items)\n    return items[n - 1]\n");
}

TEST_CASE("A choice whose line has changed is refused and nothing is written") {
  ToolFixture fixture;
  offer_three(fixture);
  fixture.put("a.py", "def last(items):\n    n = len(items)\n    return items[-1]\n");
  const ToolResult refused = fixture.call("edit_file", {{"choice", "c1"}});
  CHECK(refused.is_error);
  CHECK(refused.text == "c1 does not fit any more: a.py:3 has changed");
  CHECK(fixture.state.applied.empty());
  CHECK(fixture.get("a.py") == "def last(items):\n    n = len(items)\n    return items[-1]\n");
  CHECK(fixture.call("edit_file", {{"choice", "c9"}}).text == "no such choice: c9");
  CHECK(fixture.call("edit_file", {{"choice", "c1"}, {"path", "a.py"}}).is_error);
  fixture.state = {};
  CHECK(fixture.call("edit_file", {{"choice", "c1"}}).text ==
        "nothing is on offer: call suggest_edits first");
}

TEST_CASE("An applied choice that was edited over stays and the next one says so") {
  ToolFixture fixture;
  offer_three(fixture);
  fixture.call("edit_file", {{"choice", "c1"}});
  fixture.put("a.py", "def last(items):\n    n = len(items)\n    return items[-1]\n");
  const ToolResult next = fixture.call("edit_file", {{"choice", "c3"}});
  CHECK(next.text.starts_with("c1 stays: its line has changed since\napplied c3 to b.py:1\n"));
  CHECK(fixture.get("a.py") == "def last(items):\n    n = len(items)\n    return items[-1]\n");
}

TEST_CASE("Choices keep CRLF, the missing final newline and what was read") {
  ToolFixture fixture;
  fixture.put("w.py", "a = 1\r\nb = 2\r\nc = 3");
  fixture.state.choices = {{"c1", candidate("w.py", 2, "b = 2", "b = 3")},
                           {"c2", candidate("w.py", 2, "", "z = 0")},
                           {"c3", candidate("w.py", 3, "c = 3", "")},
                           {"c4", candidate("w.py", 3, "c = 3", "c = 4")}};
  fixture.call("read_file", {{"path", "w.py"}});
  fixture.call("edit_file", {{"choice", "c1"}});
  CHECK(fixture.get("w.py") == "a = 1\r\nb = 3\r\nc = 3");
  fixture.call("edit_file", {{"choice", "c2"}});
  CHECK(fixture.get("w.py") == "a = 1\r\nz = 0\r\nb = 2\r\nc = 3");
  fixture.call("edit_file", {{"choice", "c3"}});
  CHECK(fixture.get("w.py") == "a = 1\r\nb = 2");
  fixture.call("edit_file", {{"choice", "c4"}});
  CHECK(fixture.get("w.py") == "a = 1\r\nb = 2\r\nc = 4");
  // The session made these changes itself, so it still knows the file.
  CHECK_FALSE(fixture.call("edit_file", {{"path", "w.py"}, {"old_text", "a = 1"},
                                         {"new_text", "a = 2"}}).is_error);
}

TEST_CASE("The plan of a choice names the files that are written, also of the one taken back") {
  ToolFixture fixture;
  offer_three(fixture);
  using Paths = std::vector<std::filesystem::path>;
  const std::filesystem::path root = fixture.workspace.shown_as();
  CHECK(fixture.plan("edit_file", {{"choice", "c1"}}).writes == Paths{root / "a.py"});
  fixture.call("edit_file", {{"choice", "c1"}});
  CHECK(fixture.plan("edit_file", {{"choice", "c3"}}).writes ==
        Paths{root / "b.py", root / "a.py"});
  CHECK(fixture.plan("edit_file", {{"choice", "c2"}}).writes == Paths{root / "a.py"});
  CHECK_THROWS_AS(fixture.plan("edit_file", {{"choice", "c9"}}), Error);
}

TEST_CASE("Choices are described in one line each") {
  ToolFixture fixture;
  offer_three(fixture);
  CHECK(describe_choice(fixture.state.choices[0]) ==
        "c1 a.py:3 - return items[n] -> return items[n - 1]");
  CHECK(describe_choice(fixture.state.choices[1]) == "c2 a.py:2 + items = list(items)");
  CHECK(describe_choice(fixture.state.choices[3]) == "c4 a.py:2 x n = len(items)");
}

TEST_CASE("suggest_edits says when it has no tables") {
  ToolFixture fixture;
  fixture.put("a.py", kSource);
  CHECK(fixture.call("suggest_edits", Json::object()).text ==
        "no tables for suggestions are installed");
}

TEST_CASE("suggest_edits offers ranked candidates and no longer those that were tried") {
  const std::filesystem::path tables =
      std::filesystem::path(CORVID_SOURCE_DIR) / "examples/fledgling/python.tables";
  if (!std::filesystem::exists(tables)) {
    WARN("SKIP: examples/fledgling/python.tables is not there");
    return;
  }
  ToolFixture fixture;
  fixture.ranker = EditRanker::load({{"python", tables}});
  fixture.put("a.py", kSource);
  fixture.put("pkg/b.py", "def first(items):\n    return items[1]\n");
  fixture.put("notes.txt", "nothing\n");
  const std::string text = fixture.call("suggest_edits", {{"limit", 2}}).text;
  REQUIRE(fixture.state.choices.size() > 4);
  const std::vector<Choice> before = fixture.state.choices;
  CHECK(text == std::to_string(before.size()) + " candidates, best first:\n" +
                    describe_choice(before[0]) + "\n" + describe_choice(before[1]) + "\n(" +
                    std::to_string(before.size() - 2) + " more)\n");
  CHECK(before[0].id == "c1");

  REQUIRE_FALSE(fixture.call("edit_file", {{"choice", "c2"}}).is_error);
  const std::string again = fixture.call("suggest_edits", Json::object()).text;
  CHECK(again.find("\nc1 ") != std::string::npos);
  CHECK(again.find("\nc2 ") == std::string::npos);
  for (const Choice& choice : fixture.state.choices) {
    if (choice.id == "c2") continue;
    const bool is_same = choice.edit.path == before[1].edit.path &&
                         choice.edit.line == before[1].edit.line &&
                         choice.edit.new_text == before[1].edit.new_text;
    CHECK_FALSE(is_same);
  }
  // Offered for the files as they are without the applied choice: so every one of them fits.
  CHECK(fixture.call("edit_file", {{"choice", "c1"}}).text.starts_with("took back c2\napplied c1"));

  fixture.state = {};
  fixture.call("suggest_edits", {{"path", "pkg/b.py"}});
  REQUIRE_FALSE(fixture.state.choices.empty());
  for (const Choice& choice : fixture.state.choices) CHECK(choice.edit.path == "pkg/b.py");
  CHECK(fixture.call("suggest_edits", {{"path", "none.py"}}).is_error);
}
