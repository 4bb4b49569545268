// The part of the prompt that is the same in every run.

#include <catch2/catch.hpp>

#include "runtime/prompt.h"

using namespace corvid;
using namespace corvid::runtime;

TEST_CASE("the fixed prompt is short and the same bytes every time") {
  const auto fixed = [] {
    const tools::Toolbox toolbox;
    std::string text(system_text());
    for (const ToolDeclaration& tool : declare_tools(toolbox, {})) {
      text += tool.name + tool.description + tool.schema;
    }
    return text;
  };
  const std::string text = fixed();
  INFO(text.size());
  CHECK(text.size() <= 4200);  // about 2.7 bytes to a token of cl100k_base
  CHECK(fixed() == text);
}
