#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <set>
#include <string>

#include "runtime/base/error.h"
#include "runtime/base/files.h"
#include "runtime/base/text.h"
#include "tests/tools/edit_fixture.h"
#include "tools/edits/candidates.h"
#include "tools/edits/lexer.h"
#include "tools/edits/ngram_counts.h"
#include "tools/edits/weights.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

const std::string kShape =
    "class Shape:\n"
    "    def __init__(self, width, height, name):\n"
    "        self.width = width\n"
    "        self.height = height\n"
    "        self.name = name\n"
    "\n"
    "    def area(self):\n"
    "        return self.width * self.height\n"
    "\n"
    "    def grow(self, factor, limit=10):\n"
    "        total = 0\n"
    "        for i in range(len(factor) - 1):\n"
    "            if factor[i] > limit and not self.name:\n"
    "                continue\n"
    "            total += scale(factor[i], limit)\n"
    "        return total\n"
    "\n"
    "\n"
    "def scale(value, limit):\n"
    "    if value is None:\n"
    "        raise ValueError('no value')\n"
    "    return min(value, limit)\n";

// A table of the few lines above; its weights order by likelihood ratio.
struct Tables {
  Tables() {
    edits::NgramCounts counts(edits::python_language(), 1);
    for (int i = 0; i < 3; ++i) counts.add(kShape);
    file.ngrams = counts.pack(200'000);
    file.weights = edits::pack_weights(edits::plain_weights());
    path = folder.path() / "tiny.tables";
    write_file_atomic(path, edits::pack_tables(file));
  }
  std::unique_ptr<EditRanker> load() const { return EditRanker::load({{"python", path}}); }

  TempDir folder;
  edits::TableFile file;
  std::filesystem::path path;
};

std::vector<EditCandidate> rank(const EditRanker& ranker, const std::string& text,
                                const Evidence& evidence = {}, EditOptions options = {}) {
  const std::vector<SourceFile> files = {{"shape.py", text}};
  options.limit = options.limit == 256 ? 1 << 20 : options.limit;
  return ranker.rank(files, evidence, options, {});
}

bool offers(const std::vector<EditCandidate>& all, int line, const std::string& text) {
  return std::any_of(all.begin(), all.end(), [&](const EditCandidate& c) {
    return c.line == line && trim(c.new_text) == text;
  });
}

std::string error_of(const std::filesystem::path& path) {
  try {
    EditRanker::load({{"python", path}});
  } catch (const Error& error) {
    CHECK(error.code() == Code::corrupt);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Every candidate lexes, keeps its brackets balanced, changes the file and is unique") {
  const Tables tables;
  const auto all = rank(*tables.load(), kShape);
  REQUIRE(all.size() > 500);
  std::set<std::string> results;
  for (const EditCandidate& c : all) {
    const std::string changed = applied(kShape, c);
    INFO(c.line << " " << c.kind << ": " << c.new_text);
    CHECK(edits::python_language().lex(changed, 0).is_clean);
    CHECK(changed != kShape);
    CHECK(c.new_text.find('\n') == std::string::npos);
    results.insert(std::to_string(c.line) + (c.old_text.empty() ? "+" : "-") + c.new_text);
  }
  CHECK(results.size() == all.size());
}

TEST_CASE("The old text of a candidate is the file's own line") {
  const Tables tables;
  const std::vector<std::string_view> lines = split_lines(kShape);
  for (const EditCandidate& c : rank(*tables.load(), kShape)) {
    if (!c.old_text.empty()) CHECK(c.old_text == lines[static_cast<size_t>(c.line - 1)]);
  }
}

TEST_CASE("The generators undo the common one-line bugs") {
  const Tables tables;
  const auto ranker = tables.load();
  const std::string head = "def f(self, items, count, name=None):\n    total = []\n";
  struct Case {
    std::string bug, repair;
  };
  const std::vector<Case> cases = {
      {"if count < 3:", "if count <= 3:"},
      {"if count == 3:", "if count != 3:"},
      {"if name is None:", "if name is not None:"},
      {"if name in items:", "if name not in items:"},
      {"if name and items:", "if name or items:"},
      {"if items:", "if not items:"},
      {"if not items:", "if items:"},
      {"total = count + 1", "total = count - 1"},
      {"total = items[0]", "total = items[1]"},
      {"total = items[1:]", "total = items[:]"},
      {"total = items[:3]", "total = items[1:3]"},
      {"total += count", "total -= count"},
      {"total = count", "total += count"},
      {"total = True", "total = False"},
      {"total = name", "total = self.name"},
      {"total.append(name)", "total.append(count)"},
      {"total.append()", "total.append(name)"},
      {"f(items, count)", "f(count, items)"},
      {"f(items)", "f(items, name=name)"},
      {"f(count, items)", "return f(count, items)"},
      {"return None", "return total"},
      {"total = items", "total = len(items)"},
      {"total = name", "total = name.strip()"},
      {"total = str(name)", "total = name"},
      {"for i in range(count - 1): f()", "for i in range(count): f()"},
      {"total = count / (len(items) - 1)", "total = count / len(items)"},
      {"total = count if name else items", "total = items if name else count"},
      {"total = count - len(items)", "total = len(items) - count"},
      {"raise KeyError(name)", "raise ValueError(name)"},
      {"raise 'no value'", "raise TypeError('no value')"},
      {"total = 'value'", "total = 'value '"},
      {"total = -count", "total = count"},
      {"total.sort(key=lambda i: (i.size, name))", "total.sort(key=lambda i: (-i.size, name))"},
      {"total.sort(key=lambda i: (count, name))", "total.sort(key=lambda i: (-count, name))"},
      {"total -= count", "total += count"},
      {"total = max(items, count)", "total = min(items, count)"},
      {"total = any(items)", "total = all(items)"},
      {"total = sorted(items)", "total = reversed(items)"},
      {"total = name.startswith(items)", "total = name.endswith(items)"},
      {"total = min(items, count)", "total = max(items, count)"},
      {"if count < 3 and name:", "if count > 3 and name:"},
      {"if name:", "if name is not None:"},
      {"if not name:", "if name is None:"},
      {"if name is not None:", "if name:"},
      {"if count > 3:", "if count > 3 and name:"},
      {"if count > 3:", "if not name or count > 3:"},
      {"if items > 3:", "if isinstance(items, str) and items > 3:"},
      {"total = name", "total = name or {}"},
      {"total = name[count]", "total = name.get(count)"},
      {"total = name.get(count)", "total = name[count]"},
      {"total = items.size", "total = getattr(items, 'size', None)"},
      {"if isinstance(name, str):", "if isinstance(name, (str, bytes)):"},
      {"except KeyError:", "except (KeyError, ValueError):"},
      {"except (KeyError, OSError, TypeError):", "except (KeyError, TypeError):"},
      {"f(items, count)", "f(*items, count)"},
      {"total = 'a %s' % name", "total = 'a %s' % (name,)"},
      {"total = name", "total = name[0]"},
      {"total = items.strip.name", "total = items.name"},
      {"total = name.strip()", "total = items.strip()"},
      {"total = count.name", "total = self.name"},
      {"total = sorted(items)", "total = sorted(items, reverse=True)"},
      {"total = open(name)", "total = open(name, encoding='utf-8')"},
      {"total = re.compile('[a-z]')", "total = re.compile('[a-z]$')"},
      {"total = '\\d+'", "total = r'\\d+'"},
      {"if count:", "while count:"},
      {"return", "return total"},
      {"raise KeyError(name)", "return KeyError(name)"},
      {"yield items", "yield from items"},
      {"total = await f(items)", "total = f(items)"},
      {"total = count == items", "total = count in items"},
      {"total = WIDE + count", "total = HIGH + count"},
      {"total = 7", "total = 31"},
      {"for i in items: pass", "for i in sorted(items): pass"},
      {"if name.size > 3:", "if name and name.size > 3:"},
      {"if name.size > 3 or count:", "if name is not None and (name.size > 3 or count):"},
      {"if name.size > 3:", "if name is None or name.size > 3:"},
      {"if name.size > 3:", "if name.size > 3 and count > 1:"},
      {"total = count - 3", "total = max(0, count - 3)"},
      {"f(items, count)", "f(items, count or 0)"},
      {"total = items % count", "total = items % (count or 1)"},
      {"total = name if name else items", "total = name or items"},
      {"if name == 'a':", "if name in ('a', 'A'):"},
      {"if name != 3:", "if name not in (3, 31):"},
      {"if name not in ['a']:", "if name != 'a':"},
      {"total = [items, count]", "total = [items, count, name]"},
      {"total = {'items': items}", "total = {'items': items, 'count': count}"},
      {"total = (items, count, name)", "total = (items, name)"},
      {"total = name.count(items)", "total = str(name).count(items)"},
      {"name", "name.strip()"},
      {"except (socket.error, KeyError):", "except (OSError, KeyError):"},
  };
  for (const Case& c : cases) {
    const std::string text =
        head + "    " + c.bug +
        "\n    self.name = items.strip()\n    return total\n\n\nHIGH = 31\nWIDE = 4\n";
    INFO(c.bug << " -> " << c.repair);
    CHECK(offers(rank(*ranker, text), 3, c.repair));
  }
}

TEST_CASE("Lost lines can be inserted and extra ones deleted") {
  const Tables tables;
  const auto ranker = tables.load();
  const std::string text =
      "class A:\n    def __init__(self, size, name):\n        self.size = size\n\n"
      "    def find(self, items):\n        best = 0\n        for item in items:\n"
      "            if item > best:\n                best = item\n\n\ndef later():\n    pass\n";
  const auto all = rank(*ranker, text);
  CHECK(offers(all, 4, "self.name = name"));
  CHECK(offers(all, 10, "return best"));
  CHECK(offers(all, 10, "break"));
  const auto deleted = std::count_if(all.begin(), all.end(), [](const EditCandidate& c) {
    return c.new_text.empty() && c.line == 6;
  });
  CHECK(deleted == 1);
  for (const EditCandidate& c : all) {
    if (c.new_text.find("return best") == std::string::npos) continue;
    INFO(c.line << c.new_text);
    CHECK(c.line <= 10);
  }
}

TEST_CASE("What a file defines and uses nowhere is offered, and what it uses and lacks") {
  const Tables tables;
  const auto ranker = tables.load();
  const std::string text =
      "import threading\n"                                     // 1
      "from text import unquote\n"                             // 2
      "_LIMIT = 8\n"                                           // 3
      "class Reader:\n"                                        // 4
      "    def __init__(self, path, mode):\n"                  // 5
      "        self.path = path\n"                             // 6
      "        self.mode = mode\n"                             // 7
      "        self._depth = 3\n"                              // 8
      "    def read(self, size):\n"                            // 9
      "        if self.closed or size < 4:\n"                  // 10
      "            return open(self.path)\n"                   // 11
      "        data = self.fetch(\n"                           // 12
      "            path=self.path,\n"                          // 13
      "        )\n"                                            // 14
      "        names = {\n"                                    // 15
      "            'path': self.path,\n"                       // 16
      "        }\n"                                            // 17
      "        get_ident(data, names)\n"                       // 18
      "        return data\n"                                  // 19
      "    def _check(self, size):\n"                          // 20
      "        raise socket.error(self.mode) from None\n"      // 21
      "    def fetch(self, path, mode=None):\n"                // 22
      "        try:\n"                                         // 23
      "            walk(path)\n"                               // 24
      "        except socket.error as failure:\n"              // 25
      "            raise failure\n"                            // 26
      "        except:\n"                                      // 27
      "            pass\n"                                     // 28
      "    def get_name(self):\n"                              // 29
      "        self.path = walk(self.path)\n"                  // 30
      "        self.mode = walk.fetch(self.path)\n"            // 31
      "    def reset(self):\n"                                 // 32
      "        self._clear()\n"                                // 33
      "        self.state = None\n"                            // 34
      "        self.mode = self.find.name\n"                   // 35
      "    def _clear(self):\n"                                // 36
      "        self.get_name()\n";                             // 37
  const auto all = rank(*ranker, text);
  struct Case {
    int line;
    std::string repair;
  };
  const std::vector<Case> cases = {
      {10, "if self.closed or size < _LIMIT:"},
      {10, "if self.closed or size < self._depth:"},
      {11, "return open(unquote(self.path))"},
      {18, "threading.get_ident(data, names)"},
      {18, "data = get_ident(data, names)"},
      {18, "get_ident(data, names, depth=self._depth)"},
      {10, "self._check(size)"},
      {19, "data = unquote(data)"},
      {6, "self.closed = False"},
      {14, "mode=self.mode,"},
      {17, "'mode': self.mode,"},
      {25, "except OSError as failure:"},
      {26, "raise"},
      {27, "except Exception:"},
      {35, "self.mode = self.get_name()"},
      {31, "self.mode = self.fetch(self.path)"},
      {30, "self._clear()"},
      {30, "self.state = None"},
  };
  for (const Case& c : cases) {
    INFO(c.line << ": " << c.repair);
    CHECK(offers(all, c.line, c.repair));
  }
}

TEST_CASE("Test files are edited only when they are asked for by path") {
  const Tables tables;
  const auto ranker = tables.load();
  const std::vector<SourceFile> files = {{"tests/helper.py", kShape},
                                         {"test_a.py", kShape},
                                         {"pkg/conftest.py", kShape},
                                         {"b_test.py", kShape},
                                         {"notes.txt", kShape}};
  CHECK(ranker->rank(files, {}, {}, {}).empty());
  EditOptions options;
  options.path = "test_a.py";
  CHECK(ranker->rank(files, {}, options, {}).size() == 256);
}

TEST_CASE("Candidates stay within the lines that are asked for") {
  const Tables tables;
  EditOptions options;
  options.first_line = 13;
  options.last_line = 15;
  const auto all = rank(*tables.load(), kShape, {}, options);
  REQUIRE(!all.empty());
  for (const EditCandidate& c : all) CHECK((c.line >= 13 && c.line <= 15));
}

TEST_CASE("A function that the task names comes first") {
  const Tables tables;
  Evidence evidence;
  evidence.mentioned_names = {"scale"};
  const auto all = rank(*tables.load(), kShape, evidence);
  for (size_t i = 0; i < 20; ++i) CHECK(all[i].line >= 19);
}

TEST_CASE("A traceback and executed lines draw candidates to their lines") {
  const Tables tables;
  const auto ranker = tables.load();
  const auto mean_line_share = [&](const Evidence& evidence, int first, int last) {
    const auto all = rank(*ranker, kShape, evidence);
    int inside = 0;
    for (size_t i = 0; i < 50; ++i) inside += all[i].line >= first && all[i].line <= last;
    return inside;
  };
  Evidence traceback;
  traceback.tracebacks = {{{"test_shape.py", 3, "test"}, {"shape.py", 15, "grow"}}};
  CHECK(2 * mean_line_share(traceback, 10, 16) > 3 * mean_line_share({}, 10, 16));
  Evidence executed;
  executed.failing_test_count = 1;
  executed.executed["shape.py"] = {{20, {1, 0}}, {22, {1, 0}}, {11, {0, 3}}};
  CHECK(mean_line_share(executed, 19, 22) >= 45);
}

TEST_CASE("Of two functions that ran the one that passing tests spare comes first") {
  const Tables tables;
  const auto ranker = tables.load();
  const auto share = [&](const Evidence& evidence, int first, int last) {
    double sum = 0;
    for (const EditCandidate& c : rank(*ranker, kShape, evidence)) {
      if (c.line >= first && c.line <= last) sum += std::exp(c.score);
    }
    return sum;
  };
  Evidence evidence;
  evidence.failing_test_count = 2;
  evidence.passing_test_count = 8;
  evidence.executed["shape.py"] = {{8, {2, 8}}, {20, {2, 0}}, {22, {2, 0}}};
  const double spared = share(evidence, 19, 22);
  CHECK(spared > 0.5);
  evidence.executed["shape.py"] = {{8, {2, 0}}, {20, {2, 8}}, {22, {2, 8}}};
  CHECK(share(evidence, 19, 22) < spared);
}

TEST_CASE("A word of the failure's message draws candidates to where it stands") {
  const Tables tables;
  const auto ranker = tables.load();
  Evidence evidence;
  const auto share_of_scale = [&] {
    double share = 0;
    for (const EditCandidate& c : rank(*ranker, kShape, evidence)) {
      if (c.line >= 19) share += std::exp(c.score);
    }
    return share;
  };
  const double before = share_of_scale();
  evidence.output = "1 failed\nValueError: no value\nno limit\n";
  const double after = share_of_scale();
  CHECK(after > before);
  evidence.output = "value\n";  // no message
  CHECK(share_of_scale() == Approx(before));
}

TEST_CASE("Random order is drawn by its seed from the same candidates") {
  const Tables tables;
  const auto ranker = tables.load();
  EditOptions options;
  options.ranking = EditRanking::random;
  options.seed = 7;
  const auto first = rank(*ranker, kShape, {}, options);
  const auto again = rank(*ranker, kShape, {}, options);
  options.seed = 8;
  const auto other = rank(*ranker, kShape, {}, options);
  const auto keys = [](const std::vector<EditCandidate>& all) {
    std::vector<std::string> out;
    for (const auto& c : all)
      out.push_back(std::to_string(c.line) + c.old_text + "\n" + c.new_text);
    return out;
  };
  CHECK(keys(first) == keys(again));
  CHECK(keys(first) != keys(other));
  auto a = keys(first), b = keys(rank(*ranker, kShape));
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  CHECK(a == b);
}

TEST_CASE("A model's log-odds move its candidate up and tables alone do not ask it") {
  const Tables tables;
  const auto ranker = tables.load();
  const std::vector<SourceFile> files = {{"shape.py", kShape}};
  int asked = 0;
  const RankEdits model = [&](const RankRequest& request) {
    ++asked;
    CHECK(request.lines.size() > 0);
    CHECK(kShape.find(request.lines[0]) != std::string::npos);
    std::vector<float> odds;
    for (const EditCandidate& c : request.candidates) {
      odds.push_back(trim(c.new_text) == "return max(value, limit)"   ? 0.f
                     : trim(c.new_text) == "return min(limit, value)" ? 40.f
                                                                      : 0.f);
    }
    return odds;
  };
  EditOptions options;
  const auto all = ranker->rank(files, {}, options, model);
  CHECK(asked > 0);
  CHECK(trim(all[0].new_text) == "return min(limit, value)");
  asked = 0;
  options.ranking = EditRanking::tables;
  ranker->rank(files, {}, options, model);
  CHECK(asked == 0);
}

TEST_CASE("Scores are log-probabilities over all candidates; every fifth has the second order") {
  const Tables tables;
  double sum = 0;
  double before = 0;
  int number = 0;
  for (const EditCandidate& c : rank(*tables.load(), kShape)) {
    sum += std::exp(c.score);
    if (++number % 5 == 0) continue;
    CHECK(c.score <= before + 1e-9);
    before = c.score;
  }
  CHECK(sum == Approx(1).margin(1e-3));
}

TEST_CASE("Files that are no Python are ranked without harm") {
  const Tables tables;
  const auto ranker = tables.load();
  std::string noise;
  for (int i = 0; i < 4000; ++i) noise += static_cast<char>((i * 7919 + i / 3) % 256);
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("def"), std::string("def f("),
        std::string("class"), std::string(")]}"), noise, std::string("def f():\n  return (\n")}) {
    rank(*ranker, text);
  }
  SUCCEED();
}

TEST_CASE("The table gives probabilities that sum to at most one") {
  const Tables tables;
  const edits::NgramTable table(tables.file.ngrams, "tiny");
  const std::set<std::string> words = [] {
    std::set<std::string> out;
    for (const edits::Token& t : edits::python_language().lex(kShape, 0).tokens) {
      out.insert(
          edits::model_text(t.kind, std::string_view(kShape).substr(t.begin, t.end - t.begin)));
    }
    return out;
  }();
  const std::vector<uint64_t> context = {edits::model_hash("."), edits::model_hash("self"),
                                         edits::model_hash("return"),
                                         edits::model_hash("<indent>")};
  for (int length = 0; length <= 4; ++length) {
    double sum = 0;
    for (const std::string& word : words) {
      sum += std::exp(table.log_probability(edits::model_hash(word), context.data(), length));
    }
    INFO("context of " << length);
    CHECK(sum > 0.9);
    CHECK(sum < 1.12);
  }
  const float seen = table.log_probability(edits::model_hash("width"), context.data(), 4);
  const float unseen = table.log_probability(edits::model_hash("limit"), context.data(), 4);
  CHECK(seen > unseen + 1);
}

TEST_CASE("A damaged table file is refused by name") {
  const Tables tables;
  const std::string good = read_file(tables.path);
  const auto write = [&](const std::string& bytes) {
    std::ofstream(tables.path, std::ios::binary) << bytes;
    return error_of(tables.path);
  };
  CHECK(write(good.substr(0, good.size() - 1)).find("tiny.tables: sizes of the sections") !=
        std::string::npos);
  CHECK(write(good + "x").find("sizes of the sections") != std::string::npos);
  CHECK(write("PK" + good.substr(2)).find("not a table file") != std::string::npos);
  CHECK(write("").find("not a table file") != std::string::npos);
  for (size_t at = 8; at < good.size(); at += 1 + good.size() / 97) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    INFO("byte " << at);
    CHECK_FALSE(write(bad).empty());
  }
  // Sizes inside of the sections are checked as well when the checksums fit.
  edits::TableFile file = tables.file;
  for (size_t at = 0; at < 64; ++at) {
    file.ngrams = tables.file.ngrams;
    file.ngrams[at] = static_cast<char>(file.ngrams[at] ^ 0x81);
    std::ofstream(tables.path, std::ios::binary) << edits::pack_tables(file);
    try {
      EditRanker::load({{"python", tables.path}});
    } catch (const Error& error) {
      CHECK(error.code() == Code::corrupt);
    }
  }
  CHECK_THROWS_AS(EditRanker::load({{"python", tables.folder.path() / "absent"}}), Error);
}

TEST_CASE("Features that came after the weights weigh nothing") {
  const std::string names = "lr_table\nlr_file\ncompare\n";
  const std::array<uint32_t, 4> head = {2, 1, 0, static_cast<uint32_t>(names.size())};
  const std::array<float, 7> floats = {0, 0, 1, 1, 0, 2, 0.5f};  // mean, scale, linear, bias
  const auto bytes = [](const auto& all) {
    return std::string(reinterpret_cast<const char*>(all.data()), sizeof(all));
  };
  const edits::Weights w = edits::unpack_weights(bytes(head) + names + bytes(floats), "");
  std::vector<float> features(edits::kFeatureCount, 3.0f);
  CHECK(w.score(features.data(), edits::Kind::compare) == 6.5f);
  CHECK_THROWS_AS(edits::unpack_weights(bytes(head) + names.substr(1) + "\n" + bytes(floats), ""),
                  Error);
}

TEST_CASE("Counting twice gives the same table") {
  edits::NgramCounts a(edits::python_language(), 1), b(edits::python_language(), 1);
  a.add(kShape);
  b.add(kShape);
  CHECK(a.pack(20'000) == b.pack(20'000));
}

TEST_CASE("A table keeps within the bytes that it was given") {
  for (const size_t bytes : {3'000, 6'000, 50'000}) {
    edits::NgramCounts counts(edits::python_language(), 1);
    counts.add(kShape);
    CHECK(counts.pack(bytes).size() <= bytes + 1'000);
  }
}

TEST_CASE("slips that the text makes unlikely are reached through the second order") {
  const auto tables = std::filesystem::path(CORVID_SOURCE_DIR) / "examples/fledgling/python.tables";
  const auto ranker = EditRanker::load({{"python", tables}});
  const std::vector<SourceFile> files = {
      {"ledger.py",
       "class Ledger:\n"
       "    def __init__(self, movements):\n"
       "        self.movements = movements\n"
       "\n"
       "    def outgoing(self, code):\n"
       "        total = 0\n"
       "        for movement in self.movements:\n"
       "            if movement.code == code and movement.pieces < 0:\n"
       "                total += movement.pieces\n"
       "        return total\n"}};
  const auto ranked = ranker->rank(files, Evidence{}, EditOptions{}, {});
  const auto found = std::find_if(ranked.begin(), ranked.end(), [](const EditCandidate& c) {
    return c.new_text == "                total -= movement.pieces";
  });
  REQUIRE(found != ranked.end());
  CHECK(found - ranked.begin() < 64);
  std::set<std::string> once;
  for (const EditCandidate& c : ranked) {
    CHECK(once.insert(std::to_string(c.line) + c.old_text + "\n" + c.new_text).second);
  }
}
