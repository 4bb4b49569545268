// read_file, list_files, search, write_file, edit_file with texts.

#include "tests/tools/tool_fixture.h"

using namespace corvid;
using namespace corvid::tools;

TEST_CASE("read_file numbers lines, gives short files whole and long ones in parts") {
  ToolFixture fixture;
  fixture.put("a.py", "one\ntwo\r\nthree");
  CHECK(fixture.call("read_file", {{"path", "a.py"}}).text ==
        "a.py, lines 1-3 of 3\n1|one\n2|two\n3|three\n");
  CHECK(fixture.call("read_file", {{"path", "./a.py"}, {"offset", 2}, {"limit", 1}}).text ==
        "a.py, lines 2-2 of 3\n2|two\n");
  fixture.put("empty", "");
  CHECK(fixture.call("read_file", {{"path", "empty"}}).text == "empty, lines 0-0 of 0\n");
  std::string lines;
  for (int i = 1; i <= 400; ++i) lines += "x\n";
  fixture.put("medium", lines);
  CHECK(fixture.call("read_file", {{"path", "medium"}}).text.starts_with("medium, lines 1-400 of"));
  fixture.put("long", lines + "x\n");
  CHECK(fixture.call("read_file", {{"path", "long"}}).text.starts_with("long, lines 1-200 of 401"));
  CHECK(fixture.call("read_file", {{"path", "long"}, {"offset", 402}}).is_error);
}

TEST_CASE("read_file says why it cannot read") {
  ToolFixture fixture;
  fixture.put("dir/name.py", "x\n");
  fixture.put("binary", std::string("a\0b", 3));
  fixture.put("bom.py", "\xef\xbb\xbfx = 1\n");
  fixture.put("latin.py", "caf\xe9\n");
  fixture.put("wide", std::string(5000, 'x') + "\n");
  CHECK(fixture.call("read_file", {{"path", "name.py"}}).text ==
        "no such file: name.py; there is: dir/name.py");
  CHECK(fixture.call("read_file", {{"path", "binary"}}).text == "binary is binary (3 bytes)");
  CHECK(fixture.call("read_file", {{"path", "dir"}}).is_error);
  CHECK(fixture.call("read_file", {{"path", "../x"}}).text == "../x is outside the workspace");
  CHECK(fixture.call("read_file", {{"path", "bom.py"}}).text ==
        "bom.py, lines 1-1 of 1\n1|x = 1\n");
  CHECK(fixture.call("read_file", {{"path", "latin.py"}}).text ==
        "latin.py, lines 1-1 of 1\n1|caf\xef\xbf\xbd\n");
  CHECK(fixture.call("read_file", {{"path", "wide"}}).text.ends_with(
      "x[... 3000 bytes left out]\n"));
}

TEST_CASE("list_files filters by folder and glob and shows hostile names on one line") {
  ToolFixture fixture;
  for (const char* path : {"a.py", "src/b.py", "src/deep/c.py", "src/d.txt", "srcx/e.py"}) {
    fixture.put(path, "");
  }
  fixture.put("evil\n\x1b[2Jname", "");
  CHECK(fixture.call("list_files", Json::object()).text ==
        "a.py\n\"evil\\n\\033[2Jname\"\nsrc/b.py\nsrc/d.txt\nsrc/deep/c.py\nsrcx/e.py\n");
  CHECK(fixture.call("list_files", {{"path", "src"}, {"pattern", "*.py"}}).text ==
        "src/b.py\nsrc/deep/c.py\n");
  CHECK(fixture.call("list_files", {{"pattern", "src/*.py"}}).text == "src/b.py\n");
  CHECK(fixture.call("list_files", {{"pattern", "*.rs"}}).text == "no files\n");
  CHECK(fixture.call("list_files", {{"path", "/etc"}}).is_error);
}

TEST_CASE("search finds lines by regular expression or plain text, bounded") {
  ToolFixture fixture;
  fixture.put("a.py", "def mean(x):\n    return f(x)\n");
  fixture.put("src/b.py", "mean = 1\r\nmeaning\n");
  fixture.put("binary", std::string("mean\0", 5));
  CHECK(fixture.call("search", {{"pattern", "\\bmean\\b"}}).text ==
        "a.py:1|def mean(x):\nsrc/b.py:1|mean = 1\n");
  CHECK(fixture.call("search", {{"pattern", "mean"}, {"path", "src"}, {"limit", 1}}).text ==
        "src/b.py:1|mean = 1\n(1 more)\n");
  const std::string literal = fixture.call("search", {{"pattern", "f(x"}}).text;
  CHECK(literal.starts_with("a.py:2|    return f(x)\n(searched as plain text"));
  CHECK(fixture.call("search", {{"pattern", "absent"}}).text == "nothing found\n");
  fixture.put("bomb", std::string(5000, 'a') + "\n");
  CHECK(fixture.call("search", {{"pattern", "^(a+)+$x"}}).text == "nothing found\n");
}

TEST_CASE("tools that look through files pass over what the profile hides") {
  ToolFixture fixture;
  fixture.put("a.py", "word = 1\n");
  fixture.put("secrets/key.py", "word = 2\n");
  fixture.put("secretsfile.py", "word = 3\n");
  fixture.profile.hidden_paths.push_back(fixture.workspace.shown_as() / "secrets");
  CHECK(fixture.call("search", {{"pattern", "word"}}).text ==
        "a.py:1|word = 1\nsecretsfile.py:1|word = 3\n");
  CHECK(fixture.call("search", {{"pattern", "word"}, {"path", "secrets"}}).text ==
        "nothing found\n");
  CHECK(fixture.call("list_files", Json::object()).text == "a.py\nsecretsfile.py\n");
  CHECK(fixture.call("list_files", {{"path", "secrets"}}).text == "no files\n");
  CHECK(fixture.call("read_file", {{"path", "key.py"}}).text == "no such file: key.py");
}

TEST_CASE("write_file makes new files and replaces only what was read") {
  ToolFixture fixture;
  const ToolResult made = fixture.call("write_file", {{"path", "d/n.txt"}, {"content", "a\n"}});
  CHECK(made.text == "wrote d/n.txt (new)\n");
  CHECK(made.diff == "--- /dev/null\n+++ b/d/n.txt\n@@ -0,0 +1 @@\n+a\n");
  CHECK_FALSE(fixture.call("write_file", {{"path", "d/n.txt"}, {"content", "b\n"}}).is_error);
  fixture.put("old.txt", "\xef\xbb\xbfone\r\ntwo\r\n");
  const Json replacement = {{"path", "old.txt"}, {"content", "one\n2\n"}};
  CHECK(fixture.call("write_file", replacement).text == "read old.txt first");
  fixture.call("read_file", {{"path", "old.txt"}});
  CHECK_FALSE(fixture.call("write_file", replacement).is_error);
  CHECK(fixture.get("old.txt") == "\xef\xbb\xbfone\r\n2\r\n");
  CHECK(fixture.call("write_file", {{"path", ".git/hooks/x"}, {"content", ""}}).is_error);
  CHECK(fixture.plan("write_file", replacement).writes ==
        std::vector<std::filesystem::path>{fixture.workspace.shown_as() / "old.txt"});
}

TEST_CASE("edit_file needs a passage that was read and stands exactly once") {
  ToolFixture fixture;
  fixture.put("a.py", "def f(a):\n    return a + 1\n\ndef g(a):\n    return a + 1\n");
  const auto edit = [&](const std::string& old_text, const std::string& new_text) {
    return fixture.call("edit_file",
                        {{"path", "a.py"}, {"old_text", old_text}, {"new_text", new_text}});
  };
  CHECK(edit("def g", "def h").text == "read a.py first");
  fixture.call("read_file", {{"path", "a.py"}});
  CHECK(edit("return a + 1", "x").text ==
        "old_text is 2 times in a.py, at lines 2 5. Give more lines around it.");
  CHECK(edit("def h(a):\n    return a - 1\n", "x").text ==
        "old_text is not in a.py. The closest lines are:\n1|def f(a):\n2|    return a + 1\n");
  CHECK(edit("completely different", "x").text == "old_text is not in a.py.");
  CHECK(edit("", "x").is_error);
  CHECK(edit("def g", "def g").is_error);
  const ToolResult done = edit("def g(a):\n    return a + 1", "def g(a):\n    return a - 1");
  CHECK(done.text.starts_with("edited a.py:4\n--- a/a.py\n+++ b/a.py\n@@ -2,4 +2,4 @@\n"));
  CHECK(fixture.get("a.py") == "def f(a):\n    return a + 1\n\ndef g(a):\n    return a - 1\n");
  CHECK_FALSE(edit("a - 1", "a - 2").is_error);  // its own edits count as read
  fixture.put("a.py", "changed\n");
  CHECK(edit("changed", "x").text == "a.py has changed since it was read: read it again");
  CHECK(fixture.call("edit_file", {{"path", "a.py"}, {"old_text", "x"}}).is_error);
  CHECK(fixture.call("edit_file", Json::object()).is_error);
}

TEST_CASE("edit_file keeps line endings, a missing final newline and the encoding") {
  ToolFixture fixture;
  const auto edited = [&](const std::string& before, const std::string& old_text,
                          const std::string& new_text) {
    fixture.put("f", before);
    fixture.call("read_file", {{"path", "f"}});
    const ToolResult result = fixture.call(
        "edit_file", {{"path", "f"}, {"old_text", old_text}, {"new_text", new_text}});
    return result.is_error ? result.text : fixture.get("f");
  };
  CHECK(edited("a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\ny\n") == "a\r\nx\r\ny\r\nc\r\n");
  CHECK(edited("a\r\nb\r\nc", "b", "x\ny") == "a\r\nx\r\ny\r\nc");
  CHECK(edited("a\nb", "a\nb\n", "a\nc\n") == "a\nc");
  CHECK(edited("a\r\nb", "a\nb\n", "a\nc\n") == "a\r\nc");
  CHECK(edited("\xef\xbb\xbf" "a\n", "a", "b") == "\xef\xbb\xbf" "b\n");
  CHECK(edited("# caf\xe9\nx = 1\n", "x = 1", "x = 2") == "# caf\xe9\nx = 2\n");
  CHECK(edited("# caf\xe9\nx = 1\n", "x = 1", "x = '\xc3\xa9'") ==
        "f is not UTF-8: only ASCII text in it can be edited");
  CHECK(edited(std::string("a\0", 2), "a", "b").find("binary") != std::string::npos);
}

TEST_CASE("finish ends the task and memory_search needs a memory") {
  ToolFixture fixture;
  const ToolResult done = fixture.call("finish", {{"summary", "Mended mean()."}});
  CHECK(done.finished);
  CHECK(done.text == "Mended mean().");
  CHECK(fixture.call("memory_search", {{"question", "what?"}}).text ==
        "this session has no memory");
}
