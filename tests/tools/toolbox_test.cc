#include "tools/toolbox.h"

#include "runtime/base/text.h"
#include "tests/tools/tool_fixture.h"

using namespace corvid;
using namespace corvid::tools;

namespace {

// What validate() says, "" when it accepts.
std::string problem(const Toolbox& toolbox, const std::string& tool, const Json& args) {
  try {
    Toolbox::validate(*toolbox.find(tool), args);
    return "";
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid);
    return error.what();
  }
}

}  // namespace

TEST_CASE("A toolbox holds all tools, or those that are named, in order") {
  const Toolbox all;
  CHECK(all.tools().size() == tool_names().size());
  for (const std::string& name : tool_names()) {
    REQUIRE(all.find(name) != nullptr);
    CHECK(all.find(name)->spec().name == name);
  }
  CHECK(all.find("format_disk") == nullptr);
  const std::vector<std::string> names = {"shell", "finish"};
  const Toolbox some(names);
  REQUIRE(some.tools().size() == 2);
  CHECK(some.tools()[0]->spec().name == "shell");
  CHECK(some.find("read_file") == nullptr);
  CHECK_THROWS_AS(Toolbox(std::vector<std::string>{"shell", "nothing"}), Error);
  CHECK_THROWS_AS(Toolbox(std::vector<std::string>{"shell", "shell"}), Error);
}

TEST_CASE("Every tool declares a strict schema and the declarations are short") {
  const Toolbox toolbox;
  size_t bytes = 0;
  for (const auto& tool : toolbox.tools()) {
    const ToolSpec& spec = tool->spec();
    INFO(spec.name);
    const Json schema = parse_json(spec.schema, spec.name);
    CHECK(schema.at("type") == "object");
    CHECK(schema.at("additionalProperties") == false);
    for (const auto& [name, property] : schema.at("properties").items()) {
      CHECK((property.at("type") == "string" || property.at("type") == "integer" ||
             property.at("type") == "boolean" || property.at("type") == "array"));
    }
    for (const Json& name : schema.value("required", Json::array())) {
      CHECK(schema.at("properties").contains(name.get<std::string>()));
    }
    CHECK_FALSE(spec.description.empty());
    bytes += spec.name.size() + spec.description.size() + spec.schema.size();
  }
  // About three bytes to a token: well under the 1,200 of the whole fixed prompt.
  CHECK(bytes < 4000);
}

TEST_CASE("Arguments that do not match the schema are refused with every problem named") {
  const Toolbox toolbox;
  CHECK(problem(toolbox, "shell", {{"command", "ls"}, {"timeout_s", 5}}).empty());
  CHECK(problem(toolbox, "suggest_edits", Json::object()).empty());
  const std::string missing = problem(toolbox, "write_file", Json::object());
  CHECK(missing.find("arguments of write_file") == 0);
  CHECK(missing.find("path") != std::string::npos);
  CHECK(missing.find("content") != std::string::npos);
  CHECK(problem(toolbox, "shell", {{"command", 1}}).find("command") != std::string::npos);
  CHECK_FALSE(problem(toolbox, "shell", {{"command", "ls"}, {"timeout_s", 0}}).empty());
  CHECK_FALSE(problem(toolbox, "shell", {{"command", "ls"}, {"timeout_s", 1.5}}).empty());
  CHECK_FALSE(problem(toolbox, "shell", {{"command", "ls"}, {"timeout_s", "5"}}).empty());
  CHECK(problem(toolbox, "shell", {{"command", "ls"}, {"cwd", "/"}}).find("cwd") !=
        std::string::npos);
  CHECK_FALSE(problem(toolbox, "shell", Json::array()).empty());
  CHECK_FALSE(problem(toolbox, "shell", nullptr).empty());
}
