#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "tools/edits/blame.h"

using namespace corvid::tools;

TEST_CASE("A name that the failure blames draws candidates that take it away") {
  struct Case {
    std::string output, wrong, proposed;
  };
  const std::vector<Case> cases = {
      {"NameError: name 'size' is not defined. Did you mean: 'sizes'?", "size", "sizes"},
      {"E   AttributeError: 'Shape' object has no attribute 'wide'", "wide", ""},
      {"a.c:3:5: error: \xe2\x80\x98wide\xe2\x80\x99 undeclared (first use in this function); "
       "did you mean \xe2\x80\x98width\xe2\x80\x99?",
       "wide", "width"},
      {"KeyError: 'wide'", "wide", ""},
      {"ValueError: 'wide' is no size", "", ""},
  };
  for (const Case& c : cases) {
    const edits::Blame blame("1 failed\n" + c.output + "\n");
    INFO(c.output);
    CHECK(blame.wrong().size() == !c.wrong.empty());
    CHECK(blame.wrong().contains(c.wrong) == !c.wrong.empty());
    CHECK(blame.proposed().contains(c.proposed) == !c.proposed.empty());
  }
  const edits::Source source("a = wide + b\n", edits::python_language());
  const auto weight = [&](const std::string& text, edits::Operation operation) {
    edits::Candidate candidate;
    candidate.operation = operation;
    candidate.text = text;
    return edits::Blame("NameError: name 'wide' is not defined. Did you mean: 'width'?\n")
        .weigh(source, candidate);
  };
  using edits::Operation;
  CHECK(weight("a = wide - b", Operation::replace) == 0);
  CHECK(weight("a = widest + b", Operation::replace) > 0);
  CHECK(weight("a = width + b", Operation::replace) > weight("a = c + b", Operation::replace));
  CHECK(weight("wide = 0", Operation::insert) > 0);
  CHECK(weight("high = 0", Operation::insert) == 0);
}
