#include "tools/check_programs.h"

#include <map>

#include <catch2/catch.hpp>

using namespace corvid::tools;

TEST_CASE("the programs of a check are found, the program under check is not one of them") {
  const std::map<std::string, std::string> files = {
      {"check.py", "import sys\nfrom stats import mean\n"},
      {"alone.py", "import sys\nprint(1)\n"},
      {"stats.py", "def mean(): pass\n"},
      {"sub/all.py", "import os, helper\n"},
      {"sub/helper.py", ""},
      {"in_src.py", "import package.part\n"},
      {"src/package/__init__.py", ""},
      {"run_tests", "#!/bin/sh\n"},
      {"tools/check.sh", ""},
      {"main.c", ""}};
  const auto found = [&](const char* command) {
    std::string joined;
    const ReadFile read = [&](const std::string& path) -> std::optional<std::string> {
      const auto file = files.find(path);
      if (file == files.end()) return std::nullopt;
      return file->second;
    };
    for (const std::string& path : check_programs(command, read)) joined += path + " ";
    return joined;
  };
  CHECK(found("python3 check.py") == "check.py ");
  CHECK(found("python3 -W error -u ./check.py -v") == "check.py ");
  CHECK(found("python3 alone.py") == "");
  CHECK(found("python3 -m doctest stats.py") == "");
  CHECK(found("python3 -m unittest -q") == "");
  CHECK(found("python3 in_src.py") == "in_src.py ");
  CHECK(found("cd sub && python3 all.py") == "sub/all.py ");
  CHECK(found("PYTHONPATH=src timeout 10 python3 check.py") == "check.py ");
  CHECK(found("gcc -o m main.c && ./m") == "");
  CHECK(found("./run_tests fast && bash tools/check.sh") == "run_tests tools/check.sh ");
  CHECK(found("for x in 1 2; do python3 check.py $x; done") == "check.py ");
  CHECK(found("x=$(sh tools/check.sh)") == "tools/check.sh ");
}

TEST_CASE("what a build file or script checks with is found, what it builds is not") {
  std::map<std::string, std::string> files = {
      {"scripts/check.sh", "#!/bin/sh\nset -e\n. \"$(dirname \"$0\")/lib.sh\"\n"
                           "for f in 1 2; do ./scripts/one.sh $f; done\n"
                           "diff -u \"$HERE/want.txt\" out.txt\n"},
      {"scripts/lib.sh", ""},
      {"scripts/one.sh", ""},
      {"scripts/want.txt", ""},
      {"expected.txt", ""},
      {"in.txt", ""},
      {"program.sh", "echo 1\n"},
      {"index.js", "console.log(1)\n"},
      {"verify.js", "const x = require('./index');\n"},
      {"main.py", "import lib\n"},
      {"lib.py", ""},
      {"main.c", ""},
      {"README.md", ""},
      {"package.json", R"({"scripts": {"test": "npm run all", "all": "node verify.js",
                           "start": "node ./program.sh"}})"},
      {"sub/CMakeLists.txt", "add_test(NAME a COMMAND sh ${CMAKE_SOURCE_DIR}/scripts/one.sh)\n"},
      {"CMakeLists.txt", "add_subdirectory(sub)\n"}};
  const auto found = [&](const std::string& command, const std::string& makefile = "") {
    files["Makefile"] = makefile;
    std::string joined;
    const ReadFile read = [&](const std::string& path) -> std::optional<std::string> {
      const auto file = files.find(path);
      if (file == files.end()) return std::nullopt;
      return file->second;
    };
    for (const std::string& path : check_programs(command, read)) joined += path + " ";
    return joined;
  };
  const std::string script =
      "scripts/check.sh scripts/lib.sh scripts/one.sh scripts/want.txt ";
  CHECK(found("sh scripts/check.sh") == script);
  CHECK(found("make", "all:\n\t@sh ./scripts/check.sh | tee log\n") == "Makefile " + script);
  CHECK(found("make -s check", "S = scripts\nall: x\nx:\n\tpython3 main.py\n"
                               "check: $(S)/check.sh build\n\tsh $<\n"
                               "build: main.c\n\tcc -o app $^\n") == "Makefile " + script);
  CHECK(found("make test", "test:\n\tbash program.sh <in.txt >out\n\tdiff out expected.txt\n") ==
        "Makefile expected.txt in.txt ");
  CHECK(found("make test", "test:\n\ttest \"$$(node index.js)\" = 1\n"
                           "\tnode index.js | diff - expected.txt\n") ==
        "Makefile expected.txt ");
  CHECK(found("make test", "test:\n\t./gen > README.md\n\tdiff README.md main.c\n"
                           "\t$(MAKE) more\nmore:\n\tpython3 main.py\n") == "Makefile main.py ");
  files["scripts/check-all.py"] = "print(open('value').read())\n";
  CHECK(found("make", "all:\n\tpython3 scripts/check-all.py\n\tpython3 lib.py\n") ==
        "Makefile scripts/check-all.py ");
  CHECK(found("npm test") == "package.json verify.js ");
  CHECK(found("cmake -B b && cd b && ctest") ==
        "CMakeLists.txt scripts/one.sh sub/CMakeLists.txt ");
  CHECK(found("cc main.c -o main && ./main < in.txt | diff - expected.txt") ==
        "expected.txt in.txt ");
  CHECK(found("make -C nowhere", "all:\n\t./scripts/one.sh\n") == "");
}

TEST_CASE("tests that a check names in other ways are found") {
  const std::string spec = "import unittest\nfrom calc import add\n";
  const std::map<std::string, std::string> files = {
      {"spec_calc.py", spec},
      {"spec_more.py", spec},
      {"Taskfile.py", spec},
      {"checks/mycheck.py", spec},
      {"parts/CalcCheck.py", spec},
      {"check.py", "import json\nfrom calc import add\njson.load(open('cases.json'))\nit's\n"},
      {"cases.json", "[]"},
      {"other.json", "[]"},
      {"alone.py", "import unittest\nopen('other.json')\n"},
      {"calc.py", "def add(a, b): pass\n"},
      {"go.sh", "for f in spec_*.py; do python3 $f || exit 1; done\n"},
      {"calc.c", ""},
      {"verify.c", ""},
      {"verify_calc.c", ""}};
  std::vector<std::string> paths;
  for (const auto& [path, text] : files) paths.push_back(path);
  const auto found = [&](const char* command) {
    std::string joined;
    const ReadFile read = [&](const std::string& path) -> std::optional<std::string> {
      const auto file = files.find(path);
      if (file == files.end()) return std::nullopt;
      return file->second;
    };
    for (const std::string& path : check_programs(command, read, paths)) joined += path + " ";
    return joined;
  };
  CHECK(found("python3 -m unittest -q Taskfile") == "Taskfile.py ");
  CHECK(found("python3 -m unittest -q spec_calc.T.test_x checks.mycheck") ==
        "checks/mycheck.py spec_calc.py ");
  CHECK(found("python3 -m unittest -q checks/mycheck.py") == "checks/mycheck.py ");
  CHECK(found("cd checks && python3 -m pytest mycheck.py::T -q") == "checks/mycheck.py ");
  CHECK(found("pytest spec_*.py") == "spec_calc.py spec_more.py ");
  CHECK(found("python3 -m unittest discover -q -s parts -p '*Check.py'") == "parts/CalcCheck.py ");
  CHECK(found("python3 -m unittest -q alone calc") == "");
  CHECK(found("bash -c 'python3 spec_calc.py'") == "spec_calc.py ");
  CHECK(found("bash -ec 'cd checks; python3 mycheck.py' && python3 check.py") ==
        "cases.json check.py checks/mycheck.py ");
  CHECK(found("PY=python3; $PY spec_calc.py") == "spec_calc.py ");
  CHECK(found("T=spec_calc.py && python3 ${T}") == "spec_calc.py ");
  CHECK(found("$PYTHON spec_calc.py") == "spec_calc.py ");
  CHECK(found("python3 - < spec_calc.py") == "spec_calc.py ");
  CHECK(found("sh go.sh") == "go.sh spec_calc.py spec_more.py ");
  CHECK(found("for f in Task*.py alone.py; do python3 $f; done") == "Taskfile.py ");
  CHECK(found("gcc calc.c verify_calc.c -o /tmp/t && /tmp/t") == "verify_calc.c ");
  CHECK(found("gcc verify.c -o t && ./t") == "");
  CHECK(found("python3 alone.py") == "");
}
