// apply_patch, and edit_file where a passage is not there to the letter.

#include "tests/tools/tool_fixture.h"
#include "tools/support/patch.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

std::string envelope(const std::string& body) {
  return "*** Begin Patch\n" + body + "*** End Patch\n";
}

std::string updated(const std::string& content, const std::string& hunks) {
  return patched(parse_patch(envelope("*** Update File: f\n" + hunks)).at(0), content);
}

}  // namespace

TEST_CASE("a patch adds, changes, moves and removes files") {
  ToolFixture fixture;
  fixture.put("a.py", "one\ntwo\nthree\n");
  fixture.put("old.py", "x = 1\n");
  fixture.put("gone.py", "y\n");
  const ToolResult result =
      fixture.call("apply_patch", {{"patch", envelope("*** Update File: a.py\n@@\n one\n-two\n+2\n"
                                                      "*** Add File: d/new.py\n+first\n+\n+last\n"
                                                      "*** Update File: old.py\n"
                                                      "*** Move to: d/moved.py\n-x = 1\n+x = 2\n"
                                                      "*** Delete File: gone.py\n")}});
  CHECK(result.text.starts_with("changed: a.py d/moved.py d/new.py gone.py old.py\n"));
  CHECK(fixture.get("a.py") == "one\n2\nthree\n");
  CHECK(fixture.get("d/new.py") == "first\n\nlast\n");
  CHECK(fixture.get("d/moved.py") == "x = 2\n");
  CHECK_FALSE(fixture.workspace.read("old.py").has_value());
  CHECK_FALSE(fixture.workspace.read("gone.py").has_value());
  CHECK(result.diff.find("+++ /dev/null") != std::string::npos);
}

TEST_CASE("a patch removes a link, not what it leads to, and a moved file keeps its mode") {
  ToolFixture fixture;
  const std::filesystem::path root = fixture.workspace.root();
  fixture.put("real.txt", "keep me\n");
  fixture.put("run.sh", "echo 1\n");
  fixture.put("d/x.txt", "x\n");
  std::filesystem::permissions(root / "run.sh", std::filesystem::perms(0755));
  std::filesystem::create_symlink("real.txt", root / "alias.txt");
  std::filesystem::create_symlink("../real.txt", root / "d/up.txt");
  std::filesystem::create_directory_symlink("d", root / "way");
  const ToolResult result = fixture.call(
      "apply_patch", {{"patch", envelope("*** Delete File: alias.txt\n*** Delete File: way/up.txt\n"
                                         "*** Delete File: way/x.txt\n*** Update File: run.sh\n"
                                         "*** Move to: bin/run.sh\n-echo 1\n+echo 2\n")}});
  CHECK_FALSE(result.is_error);
  CHECK(fixture.get("real.txt") == "keep me\n");
  for (const char* path : {"alias.txt", "d/up.txt", "d/x.txt", "run.sh"}) {
    CHECK_FALSE(std::filesystem::exists(std::filesystem::symlink_status(root / path)));
  }
  CHECK(std::filesystem::is_symlink(root / "way"));
  CHECK(fixture.get("bin/run.sh") == "echo 2\n");
  CHECK(std::filesystem::status(root / "bin/run.sh").permissions() ==
        std::filesystem::perms(0755));
}

TEST_CASE("a line of a hunk may look like a marker behind its sign") {
  CHECK(updated("/*\n *** Title ***\n */\nint a;\n",
                "@@\n /*\n  *** Title ***\n  */\n-int a;\n+int b;\n") ==
        "/*\n *** Title ***\n */\nint b;\n");
  CHECK(updated("/*\n*** Title ***\n*/\nint a;\n",
                "@@\n /*\n *** Title ***\n */\n-int a;\n+int b;\n") ==
        "/*\n*** Title ***\n*/\nint b;\n");
}

TEST_CASE("a patch that does not fit changes nothing") {
  ToolFixture fixture;
  fixture.put("a.py", "one\n");
  fixture.put("b.py", "def mean(values):\n    return 1\n");
  const ToolResult result = fixture.call(
      "apply_patch", {{"patch", envelope("*** Update File: a.py\n-one\n+1\n"
                                         "*** Update File: b.py\n-def mean(value):\n+x\n")}});
  CHECK(result.is_error);
  CHECK(result.text.find("b.py: the hunk at patch line 6 is not in the file") == 0);
  CHECK(result.text.find("1|def mean(values):") != std::string::npos);
  CHECK(fixture.get("a.py") == "one\n");
  for (const char* body :
       {"*** Add File: a.py\n+x\n", "*** Delete File: none.py\n", "*** Update File: ../x\n-a\n+b\n",
        "*** Update File: .git/config\n+b\n", "*** Add File: new\nno sign\n", "junk\n", ""}) {
    CHECK(fixture.call("apply_patch", {{"patch", envelope(body)}}).is_error);
  }
  CHECK(fixture.call("apply_patch", {{"patch", "*** Update File: a.py\n"}}).is_error);
  CHECK(fixture.call("apply_patch", {{"patch", "*** Begin Patch\n*** Delete File: a.py\n"}})
            .is_error);
  CHECK(fixture.get("a.py") == "one\n");
}

TEST_CASE("a patch that cannot be written whole is taken back") {
  ToolFixture fixture;
  fixture.put("a.py", "one\n");
  fixture.put("folder/x", "");
  const ToolResult result =
      fixture.call("apply_patch", {{"patch", envelope("*** Update File: a.py\n-one\n+1\n"
                                                      "*** Add File: a.py.d\n+x\n"
                                                      "*** Add File: folder/x/y\n+x\n")}});
  CHECK(result.is_error);
  CHECK(fixture.get("a.py") == "one\n");
  CHECK_FALSE(fixture.workspace.read("a.py.d").has_value());
}

TEST_CASE("hunks are found in order, by the line they seek, at the end, and tolerantly") {
  const std::string twice = "def f():\n    x = 1\ndef g():\n    x = 1\n";
  CHECK(updated(twice, "@@ def g():\n-    x = 1\n+    x = 2\n") ==
        "def f():\n    x = 1\ndef g():\n    x = 2\n");
  CHECK(updated(twice, "@@\n-    x = 1\n+    x = 2\n*** End of File\n") ==
        "def f():\n    x = 1\ndef g():\n    x = 2\n");
  CHECK_THROWS_WITH(updated(twice, "-    x = 1\n+    x = 2\n"),
                    Catch::Contains("fits at lines 2 4"));
  CHECK(updated(twice, "@@\n-    x = 1\n+    x = 2\n@@\n-    x = 1\n+    x = 3\n") ==
        "def f():\n    x = 2\ndef g():\n    x = 3\n");
  CHECK(updated("a  \nb\n", " a\n-b\n+c\n") == "a  \nc\n");
  CHECK(updated("    a\n    b\n", " a\n-b\n+c\n+    d\n") == "    a\n    c\n        d\n");
  CHECK(updated("say(\xe2\x80\x9chi\xe2\x80\x9d)\n", "-say(\"hi\")\n+say(\"ho\")\n") ==
        "say(\"ho\")\n");
  CHECK(updated("a\r\nb\r\n", " a\n-b\n+c\n") == "a\r\nc\r\n");
  CHECK(updated("\xef\xbb\xbf" "a\nb\n", " a\n-b\n+c\n") == "\xef\xbb\xbf" "a\nc\n");
  CHECK(updated("a\nb", " a\n-b\n+c\n") == "a\nc");
  CHECK(updated("a\n", "@@\n+b\n") == "a\nb\n");
  CHECK(updated("a\nb\n", "@@ a\n+x\n") == "a\nx\nb\n");
  CHECK(parse_patch("cat <<'EOF'\n *** Begin Patch \n*** Delete File: a b\n*** End Patch\nEOF\n")
            .at(0)
            .path == "a b");
}

TEST_CASE("edit_file finds a passage without its blanks, its indentation or its punctuation") {
  ToolFixture fixture;
  const auto edited = [&](const std::string& before, const std::string& old_text,
                          const std::string& new_text) {
    fixture.put("f", before);
    fixture.call("read_file", {{"path", "f"}});
    const ToolResult result =
        fixture.call("edit_file", {{"path", "f"}, {"old_text", old_text}, {"new_text", new_text}});
    return result.is_error ? result.text : fixture.get("f");
  };
  CHECK(edited("a  \nb\nc\n", "a\nb\n", "x\n") == "x\nc\n");
  CHECK(edited("class A:\n    def f(self):\n        return 1\n", "def f(self):\n    return 1",
               "def f(self):\n    return 2") == "class A:\n    def f(self):\n        return 2\n");
  CHECK(edited("if a:\n  b\n  c\n", "    b\n    c\n", "    d\n      e\n") == "if a:\n  d\n    e\n");
  CHECK(edited("x = \xe2\x80\x98"
               "a\xe2\x80\x99\n",
               "x = 'a'", "x = 'b'") == "x = 'b'\n");
  CHECK(edited("  a\n b\n  a\n", "a", "b").find("2 times") != std::string::npos);
  CHECK(edited(" a\n\ta\n", "a  ", "b").find("old_text is 2 times in f, at lines 1 2") == 0);
  CHECK(edited("a\r\n  b\r\n", "b", "c") == "a\r\n  c\r\n");
}
