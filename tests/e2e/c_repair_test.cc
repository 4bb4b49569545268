#include <catch2/catch.hpp>

#include <cstdlib>

#include "tests/e2e/fixture.h"

using namespace corvid;
using namespace corvid::test;

namespace {

const std::string kTask = "The tests fail. Find the bug and repair it.";

bool has_make() {
  const bool has =
      std::system("gcc --version >/dev/null 2>&1 && make --version >/dev/null 2>&1") == 0;
  if (!has) WARN("SKIP: gcc or make is not installed");
  return has;
}

ProcessResult repair(const Scene& scene, const std::string& check) {
  return scene.corvid({"run", kTask, "--workspace", (scene.root() / "code").string(), "--verify",
                       check, "--attempts", "64", "--json"});
}

std::string text_of(const Scene& scene, const std::string& path) {
  return read_file(scene.root() / "code" / path);
}

void write(const Scene& scene, const std::string& path, const std::string& text) {
  std::filesystem::create_directories(scene.root() / "code");
  write_file_atomic(scene.root() / "code" / path, text);
}

}  // namespace

TEST_CASE("the default model repairs a bug of C under make") {
  if (!sandbox_works() || !has_make()) return;
  const Scene scene;
  write(scene, "Makefile",
        "test: test_ring\n\t./test_ring\ntest_ring: test_ring.c ring.c ring.h\n"
        "\t$(CC) -Wall -o $@ test_ring.c ring.c\n");
  write(scene, ".gitignore", "test_ring\n");
  write(scene, "ring.h",
        "struct ring {\n  int items[8];\n  int start, count, size;\n};\n"
        "int ring_push(struct ring *r, int value);\nint ring_pop(struct ring *r, int *value);\n"
        "long ring_sum(const struct ring *r);\n");
  const std::string wrong =
      "#include \"ring.h\"\n\n"
      "/* Takes the place of the oldest value when the ring is full. */\n"
      "int ring_push(struct ring *r, int value)\n{\n"
      "\tint at = (r->start + r->count) % r->size;\n\n"
      "\tr->items[at] = value;\n"
      "\tif (r->count <= r->size) {\n"
      "\t\tr->count++;\n"
      "\t\treturn 0;\n"
      "\t}\n"
      "\tr->start = (r->start + 1) % r->size;\n"
      "\treturn 1;\n}\n\n"
      "int ring_pop(struct ring *r, int *value)\n{\n"
      "\tif (r->count == 0)\n\t\treturn -1;\n"
      "\t*value = r->items[r->start];\n"
      "\tr->start = (r->start + 1) % r->size;\n"
      "\tr->count--;\n"
      "\treturn 0;\n}\n\n"
      "long ring_sum(const struct ring *r)\n{\n"
      "\tlong sum = 0;\n\n"
      "\tfor (int i = 0; i < r->count; i++)\n"
      "\t\tsum += r->items[(r->start + i) % r->size];\n"
      "\treturn sum;\n}\n";
  write(scene, "ring.c", wrong);
  write(scene, "test_ring.c",
        "#include <assert.h>\n#include \"ring.h\"\n\nint main(void)\n{\n"
        "\tstruct ring r = {{0}, 0, 0, 3};\n\tint value = 0;\n\n"
        "\tassert(ring_pop(&r, &value) == -1);\n"
        "\tfor (int i = 1; i <= 3; i++)\n\t\tassert(ring_push(&r, i) == 0);\n"
        "\tassert(ring_sum(&r) == 6);\n"
        "\tassert(ring_push(&r, 4) == 1);\n"
        "\tassert(ring_sum(&r) == 9);\n"
        "\tassert(ring_pop(&r, &value) == 0 && value == 2);\n"
        "\tassert(ring_pop(&r, &value) == 0 && value == 3);\n"
        "\treturn 0;\n}\n");
  const ProcessResult run = repair(scene, "make test");
  INFO(run.out << run.err);
  const Json result = result_of(run);
  CHECK(result.at("status") == "verified");
  CHECK(text_of(scene, "ring.c").find("if (r->count < r->size) {") != std::string::npos);
  CHECK(result.at("changed_files").front() == "ring.c");
}

TEST_CASE("the default model repairs a bug of C++ whose check compiles by itself") {
  if (!sandbox_works() || !has_make()) return;
  const Scene scene;
  write(scene, "words.hpp",
        "#pragma once\n#include <map>\n#include <string>\n#include <vector>\n\n"
        "class Words {\n public:\n  void add(const std::string& text);\n"
        "  int count(const std::string& word) const;\n"
        "  std::vector<std::string> common(int least) const;\n\n private:\n"
        "  std::map<std::string, int> counts_;\n};\n");
  write(scene, "words.cpp",
        "#include \"words.hpp\"\n\n"
        "void Words::add(const std::string& text) {\n"
        "  std::string word;\n"
        "  for (char c : text) {\n"
        "    if (c != ' ') {\n"
        "      word += c;\n"
        "    } else if (!word.empty()) {\n"
        "      ++counts_[word];\n"
        "      word.clear();\n"
        "    }\n"
        "  }\n"
        "  if (word.empty()) ++counts_[word];\n"
        "}\n\n"
        "int Words::count(const std::string& word) const {\n"
        "  const auto found = counts_.find(word);\n"
        "  return found == counts_.end() ? 0 : found->second;\n"
        "}\n\n"
        "std::vector<std::string> Words::common(int least) const {\n"
        "  std::vector<std::string> out;\n"
        "  for (const auto& [word, count] : counts_) {\n"
        "    if (count >= least) out.push_back(word);\n"
        "  }\n"
        "  return out;\n"
        "}\n");
  write(scene, "words_test.cpp",
        "#include <cstdio>\n#include \"words.hpp\"\n\n"
        "static int expect(int got, int wanted, const char* what) {\n"
        "  if (got == wanted) return 0;\n"
        "  std::printf(\"%s: %d, not %d\\n\", what, got, wanted);\n  return 1;\n}\n\n"
        "int main() {\n  Words words;\n  words.add(\"a b  a \");\n  words.add(\"b\");\n"
        "  words.add(\"c a\");\n"
        "  return expect(words.count(\"a\"), 3, \"a\") + expect(words.count(\"b\"), 2, \"b\") +\n"
        "         expect(words.count(\"\"), 0, \"nothing\") +\n"
        "         expect(int(words.common(2).size()), 2, \"common\");\n}\n");
  const ProcessResult run =
      repair(scene, "c++ -std=c++17 -o /tmp/words words.cpp words_test.cpp && /tmp/words");
  INFO(run.out << run.err);
  const Json result = result_of(run);
  CHECK(result.at("status") == "verified");
  CHECK(text_of(scene, "words.cpp").find("if (!word.empty()) ++counts_[word];\n}") !=
        std::string::npos);
  CHECK(result.at("changed_files") == Json{"words.cpp"});
}
