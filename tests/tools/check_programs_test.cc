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
