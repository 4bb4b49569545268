// Patches under constraint: what may be written is a patch that the tool can apply.

#include <algorithm>
#include <random>

#include <catch2/catch.hpp>

#include "engine/constraint.h"
#include "runtime/base/error.h"
#include "tests/engine/random_schema.h"
#include "tests/engine/tiny_tokenizer.h"
#include "tools/support/patch.h"

using namespace corvid;
using namespace corvid::engine;
using test::tiny_tokenizer;

namespace {

constexpr const char* kPatchSchema =
    R"({"type":"object","properties":{"patch":{"type":"string"}},)"
    R"("required":["patch"],"additionalProperties":false})";

const std::string kAddFile =
    "def add(a, b):\n\t\"\"\"Sum \\ \u00e4\u20ac\"\"\"\n    return a - b\n\n\nadd(1, 2)";
const std::string kTagFile = "</parameter>\n@@ x\n*** End of\n+1\n\\n\n";

ConstraintSpec patches_of(CallSyntax syntax) {
  ConstraintSpec spec;
  spec.syntax = syntax;
  spec.call_required = true;
  spec.allow_text = false;
  ToolShape tool;
  tool.name = "apply_patch";
  tool.schema = kPatchSchema;
  tool.patches = {"patch"};
  spec.tools = {tool};
  spec.sources = {{{"a.py", "./a.py"}, [] { return std::optional(kAddFile); }},
                  {{"t\"b"}, [] { return std::optional(kTagFile); }},
                  {{"gone"}, [] { return std::optional<std::string>(); }},
                  {{"empty"}, [] { return std::optional<std::string>(""); }}};
  return spec;
}

std::string patch_in(const ConstraintSpec& spec, const std::string& text) {
  CallParser parser(spec.syntax, {.schemas = {{"apply_patch", kPatchSchema}}});
  parser.push(text);
  parser.finish();
  REQUIRE_FALSE(parser.broken());
  REQUIRE(parser.calls().size() == 1);
  return OrderedJson::parse(parser.calls()[0].arguments).at("patch");
}

// What the tool refuses about a whole patch; counts the lines that it found in files.
std::string mistake_in(const std::string& patch, int& copied_count) {
  if (patch == "*** Begin Patch\n*** End Patch") return "";
  try {
    for (const tools::FilePatch& each : tools::parse_patch(patch)) {
      const bool is_tagged = each.path == "t\"b";
      if (each.path != "a.py" && each.path != "./a.py" && !is_tagged) continue;
      if (each.kind != tools::PatchKind::update) continue;
      tools::patched(each, is_tagged ? kTagFile : kAddFile);
      for (const tools::PatchHunk& hunk : each.hunks) {
        for (const tools::PatchLine& line : hunk.lines) copied_count += line.sign != '+';
      }
    }
  } catch (const Error& error) {
    const std::string what = error.what();
    // Of lines that stand twice, the tool asks for more.
    return what.find("fits at lines") == std::string::npos ? what : "";
  }
  return "";
}

std::string refused_of(Constraint& constraint, const Tokenizer& tokenizer,
                       const std::string& text) {
  size_t done = 0;
  for (const Token token : tokenizer.encode(text, true)) {
    if (!constraint.allows(token)) return text.substr(done);
    constraint.accept(token);
    done += tokenizer.bytes(token).size();
  }
  return "";
}

std::string call_of(CallSyntax syntax, const std::string& patch) {
  if (syntax == CallSyntax::xml) {
    return "<tool_call>\n<function=apply_patch>\n<parameter=patch>\n" + patch +
           "\n</parameter>\n</function>\n</tool_call>";
  }
  return "<tool_call>\n{\"name\": \"apply_patch\", \"arguments\": " +
         test::canonical(OrderedJson{{"patch", patch}}) + "}\n</tool_call>";
}

// Chooses markers that lead to lines of files more often than chance would.
void walk_patches(CallSyntax syntax, unsigned seed, int count) {
  const auto tokenizer = tiny_tokenizer();
  const ConstraintSpec spec = patches_of(syntax);
  std::mt19937 random(seed);
  int copied_count = 0;
  const std::vector<std::string> hunks = {
      "@@\n", "@@ def add(a, b):\n", "@@\n-\n@@\n", "@@\n+x\n@@", "@@\n+x\n \n@@ "};
  for (int walk = 0; walk < count; ++walk) {
    Constraint constraint(spec, *tokenizer);
    std::string text;
    if (walk % 6 != 0) {
      const std::string whole = call_of(
          syntax, "*** Begin Patch\n*** Update File: a.py\n" + hunks[size_t(walk % 6 - 1)]);
      const std::string begin =
          whole.substr(0, whole.rfind(syntax == CallSyntax::xml ? "\n</parameter>" : "\"}"));
      REQUIRE(refused_of(constraint, *tokenizer, begin) == "");
      text = begin;
    }
    for (int step = 0; step < 60 && constraint.inside_call(); ++step) {
      const std::string closed = text + tokenizer->decode(constraint.closing());
      INFO(closed);
      CHECK(mistake_in(patch_in(spec, closed), copied_count) == "");
      std::vector<float> logits(static_cast<size_t>(tokenizer->vocab_size()));
      constraint.mask(logits);
      std::vector<Token> tokens;
      for (size_t i = 0; i < logits.size(); ++i) {
        if (logits[i] == 0) tokens.push_back(static_cast<Token>(i));
      }
      REQUIRE_FALSE(tokens.empty());
      const Token token = tokens[random() % tokens.size()];
      if (tokenizer->is_end(token)) break;
      constraint.accept(token);
      text += tokenizer->bytes(token);
    }
  }
  CHECK(copied_count > count);
}

}  // namespace

TEST_CASE("of any patch under constraint, the tool finds the lines in the files that it names") {
  walk_patches(CallSyntax::hermes_json, 1, 60);
  walk_patches(CallSyntax::xml, 2, 60);
}

TEST_CASE("whole patches are allowed as they are written, and lines that are not there are not") {
  const auto tokenizer = tiny_tokenizer();
  const std::string good =
      "*** Begin Patch\n*** Update File: a.py\n@@ def add(a, b):\n-    return a - b\n"
      "+    return a + b \"\\\u20ac\n \n@@\n+first\n add(1, 2)\n*** End of File\n"
      "*** Add File: new/n.txt\n+one\n+\n*** Delete File: old\n"
      "*** Update File: t\"b\n*** Move to: moved\n@@\n-</parameter>\n @@ x\n"
      "*** Update File: unread.c\n@@ any\n-text\n+other\n*** Update File: gone\n@@\n-any\n"
      "*** End Patch";
  for (const CallSyntax syntax : {CallSyntax::hermes_json, CallSyntax::xml}) {
    const ConstraintSpec spec = patches_of(syntax);
    Constraint constraint(spec, *tokenizer);
    CHECK(refused_of(constraint, *tokenizer, call_of(syntax, good)) == "");
    CHECK(patch_in(spec, call_of(syntax, good)) == good);
    const auto is_refused = [&](const std::string& hunk) {
      Constraint fresh(spec, *tokenizer);
      const std::string patch =
          "*** Begin Patch\n*** Update File: a.py\n" + hunk + "\n*** End Patch";
      return refused_of(fresh, *tokenizer, call_of(syntax, patch)) != "";
    };
    CHECK_FALSE(is_refused("@@\n def add(a, b):\n+x"));
    CHECK(is_refused("@@\n def add(a, b)\n+x"));                       // half a line
    CHECK(is_refused("@@\n-return a - b"));                            // without its indentation
    CHECK(is_refused("@@\n def add(a, b):\n-    return a - b"));       // a line between is missing
    CHECK(is_refused("@@\n add(1, 2)\n-add(1, 2)"));                   // behind the last line
    CHECK(is_refused("@@ no such line\n+x"));
    CHECK_FALSE(is_refused("@@ add(1, 2)\n+x"));
    CHECK(is_refused("@@ add(1, 2)\n add(1, 2)"));                     // above what is sought
    CHECK_FALSE(is_refused("@@\n-    return a - b\n@@\n add(1, 2)"));
    CHECK(is_refused("@@\n add(1, 2)\n@@\n-    return a - b"));       // above the hunk before
    CHECK(is_refused("@@\n-    return a - b\n@@ def add(a, b):\n+x"));
    CHECK(is_refused("@@\n+x\n@@\n add(1, 2)"));                      // behind the end
    CHECK(is_refused("@@\n+x\n@@ add(1, 2)\n+x"));
    CHECK_FALSE(is_refused("@@ def add(a, b):\n+x\n@@\n add(1, 2)"));
    CHECK(is_refused("@@\n add(1, 2)\n*** End of File\n@@\n+x"));
    CHECK(is_refused("@@"));                                           // an empty hunk
    CHECK(is_refused("+x"));                                           // no hunk at all
    CHECK(is_refused("@@\n+x\nplain"));
    const auto is_path_refused = [&](const std::string& path) {
      return is_refused("@@\n+x\n*** Update File: " + path + "\n@@\n-no such line\n+x");
    };
    for (const char* path : {"a.py", "./a.py", "a.py ", "a.py\t", " a.py", "x/../a.py", "x//../a.py",
                             "././a.py", ".", "x/", "..", "../x", "empty"}) {
      CHECK(is_path_refused(path));
    }
    for (const char* path : {"b.py", "./b.py", "/a/b.py", ".b/..c/...", "b c", "b\\\"\u20ac"}) {
      CHECK_FALSE(is_path_refused(path));
    }
    CHECK_FALSE(is_refused("@@\n+x\n*** Update File: empty\n@@\n+x"));
    CHECK(is_refused("@@\n+x\n*** Update File: empty\n@@ x\n+x"));
  }
}
